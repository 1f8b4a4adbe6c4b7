"""Embeddings: OpenAI's shape around the encoder that routes."""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from artifacts.encoder_spec import EncoderSpec
from deployments.errors import (
    InvalidRequest,
    NotFound,
    Overloaded,
    RoutingUnavailable,
    UpstreamTimeout,
)
from serve_app.http.embedding_request import parse_embeddings
from serve_app.http.embeddings import Embeddings
from tests.length_encoder import SPEC, Lengths

ANY = parse_embeddings(b'{"input": "a"}')


async def answered(encoder: Lengths | None = None, **body: Any) -> dict[str, Any]:
    embeddings = Embeddings(encoder or Lengths(), timeout_s=5)
    request = parse_embeddings(json.dumps(body).encode())
    content, _ = await embeddings.answer(request)
    return json.loads(content)


async def test_the_whole_answer():
    assert await answered(model="auto", input=["a", "bcd"]) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.0, 0.1]},
            {"object": "embedding", "index": 1, "embedding": [3.0, 0.1]},
        ],
        "model": "org/lengths",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }


async def test_base64_holds_little_endian_float32():
    answer = await answered(input="abc", encoding_format="base64", dimensions=2)

    data = base64.b64decode(answer["data"][0]["embedding"])
    assert np.frombuffer(data, "<f4").tolist() == [3.0, np.float32(0.1)]


@pytest.mark.parametrize("field", ["model", "encoding_format", "dimensions", "user"])
async def test_a_field_may_be_null_which_is_the_same_as_none(field):
    assert await answered(input="abc", **{field: None}) == await answered(input="abc")


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"input": ""}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": ["a", ""]}, "input", "invalid_value"),
        ({"input": ["a"] * 2049}, "input", "invalid_value"),
        ({"input": [1, 2]}, "input", "invalid_value"),
        ({"input": [[1, 2]]}, "input", "invalid_value"),
        ({"input": {"a": 1}}, "input", "invalid_value"),
        ({"input": "x" * 9}, "input", "context_length_exceeded"),
        ({"input": "x" * (2**20 + 1)}, "input", "context_length_exceeded"),
        ({"dimensions": 1}, "dimensions", "invalid_value"),
        ({"dimensions": 0}, "dimensions", "invalid_value"),
        ({"encoding_format": "int8"}, "encoding_format", "invalid_value"),
        ({"input_type": "query"}, "input_type", "invalid_value"),
    ],
)
async def test_bad_requests_name_the_field(change, param, code):
    encoder = Lengths()
    with pytest.raises(InvalidRequest) as raised:
        await answered(encoder, **{"model": "auto", "input": "a", **change})

    assert (raised.value.param, raised.value.code) == (param, code)
    assert not encoder.pieces


async def test_token_arrays_are_refused_in_words():
    with pytest.raises(InvalidRequest, match="token arrays are not supported"):
        await answered(input=[[15496, 995]])


async def test_a_text_that_is_too_long_is_named():
    with pytest.raises(InvalidRequest, match=r"input\[1\] has 9 tokens, .* reads 8"):
        await answered(input=["a", "x" * 9])


async def test_a_text_that_is_too_long_is_named_wherever_it_stands():
    class Long(Lengths):
        async def count_tokens(self, texts: Sequence[str]) -> tuple[list[int], bool]:
            return [9 if text == "x" else 8 for text in texts], True

    with pytest.raises(InvalidRequest, match=r"input\[2\] has 9 tokens"):
        await answered(Long(), input=["a" * 60_000, "b" * 60_000, "x"])


async def test_a_text_may_be_as_long_as_the_encoder_reads():
    assert (await answered(input="x" * 8))["usage"]["prompt_tokens"] == 8


async def test_an_estimate_of_tokens_refuses_nothing():
    answer = await answered(Lengths(exact=False), input="x" * 9)

    assert answer["usage"]["prompt_tokens"] == 9


@pytest.mark.parametrize("model", ["auto", "org/lengths"])
async def test_names_of_the_encoder(model):
    assert (await answered(model=model, input="a"))["model"] == "org/lengths"


@pytest.mark.parametrize("model", ["text-embedding-3-small", "auto:economy"])
async def test_other_models_do_not_exist(model):
    with pytest.raises(NotFound) as raised:
        await answered(model=model, input="a")

    assert raised.value.code == "model_not_found"
    assert "org/lengths" in raised.value.message


async def test_many_texts_go_to_the_embedder_piece_by_piece():
    encoder = Lengths(exact=False)
    texts = ["x" * 1500] * 5 + ["a"] * 40 + ["y" * 5000]

    answer = await answered(encoder, input=texts)

    lengths = [row["embedding"][0] for row in answer["data"]]
    assert lengths == [len(text) for text in texts]
    assert [len(piece) for piece in encoder.pieces] == [2, 2, 32, 9, 1]


async def test_requests_take_turns_at_the_embedder():
    encoder = Lengths()
    embeddings = Embeddings(encoder, timeout_s=5)
    request = parse_embeddings(json.dumps({"input": ["a"] * 64}).encode())

    await asyncio.gather(*(embeddings.answer(request) for _ in range(4)))

    assert encoder.most_at_once == 1


async def test_an_embedder_that_is_gone_is_said_to_be_overloaded():
    gone = RoutingUnavailable("The embedder died while it answered.")
    with pytest.raises(Overloaded, match="died"):
        await answered(Lengths(error=gone), input="a")


async def test_an_embedder_that_hangs_is_not_waited_for():
    class Hanging(Lengths):
        async def embed(self, texts: Sequence[str], *_: object) -> np.ndarray:
            await asyncio.Event().wait()
            raise AssertionError

    with pytest.raises(UpstreamTimeout) as raised:
        await Embeddings(Hanging(), timeout_s=0.01).answer(ANY)
    assert (raised.value.status, raised.value.code) == (504, "embedder_timeout")


class Silent(Lengths):
    """Never answers where a text says so."""

    def __init__(self) -> None:
        super().__init__()
        self.given_up = asyncio.Event()

    async def embed(self, texts: Sequence[str], *args: Any) -> np.ndarray:
        if texts == ["hang"]:
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.set()
        return await super().embed(texts, *args)


HANGS = parse_embeddings(b'{"input": "hang"}')


async def test_what_the_embedder_is_silent_on_holds_up_nobody_else():
    embeddings = Embeddings(Silent(), timeout_s=60, silence_s=0.01)
    hanging = asyncio.create_task(embeddings.answer(HANGS))
    await asyncio.sleep(0)
    content, _ = await embeddings.answer(ANY)

    assert json.loads(content)["data"][0]["embedding"] == [1.0, 0.1]
    assert not hanging.done(), "it is waited for by its own client only"
    hanging.cancel()


@pytest.mark.parametrize("silence_s", [0.01, 60])
async def test_a_client_that_leaves_gives_up_its_turn_and_what_it_asked_for(silence_s):
    encoder = Silent()
    embeddings = Embeddings(encoder, timeout_s=60, silence_s=silence_s)
    leaving = asyncio.create_task(embeddings.answer(HANGS))
    await asyncio.sleep(0.05)
    leaving.cancel()

    await embeddings.answer(ANY)
    await encoder.given_up.wait()


async def test_another_encoder_in_its_place_is_known_after_one_refusal():
    """Serve replaces Embedders one after the other, beside a Gateway that is new."""

    class Replaced(Lengths):
        id = "org/old"

        async def spec(self) -> EncoderSpec:
            return SPEC.model_copy(update={"id": self.id, "digest": self.id})

    encoder = Replaced()
    embeddings = Embeddings(encoder, timeout_s=5)
    await embeddings.answer(ANY)
    encoder.id = "org/new"
    with pytest.raises(Overloaded, match="another encoder"):
        await embeddings.answer(ANY)

    answer = json.loads((await embeddings.answer(ANY))[0])
    assert answer["model"] == "org/new"


async def test_a_name_that_came_with_another_encoder_is_found():
    class Replaced(Lengths):
        id = "org/old"

        async def spec(self) -> EncoderSpec:
            return SPEC.model_copy(update={"id": self.id})

    encoder = Replaced()
    embeddings = Embeddings(encoder, timeout_s=5)
    await embeddings.answer(ANY)
    encoder.id = "org/new"

    request = parse_embeddings(b'{"input": "a", "model": "org/new"}')
    content, _ = await embeddings.answer(request)
    assert json.loads(content)["model"] == "org/new"


async def test_of_many_fields_that_there_are_not_one_is_named():
    with pytest.raises(InvalidRequest, match=r"^there is no field x0"):
        await answered(input="a", **{f"x{i}": 1 for i in range(1000)})


async def test_of_texts_that_are_all_too_long_few_are_counted():
    class Counting(Lengths):
        counted = 0

        async def count_tokens(self, texts: Sequence[str]) -> tuple[list[int], bool]:
            self.counted += len(texts)
            return await super().count_tokens(texts)

    encoder = Counting()
    with pytest.raises(InvalidRequest, match=r"input\[0\] has 1000 tokens"):
        await answered(encoder, input=["x" * 1000] * 2048)

    assert encoder.counted <= 66


async def test_a_text_too_long_behind_many_is_named():
    texts = ["x" * 8] * 2047 + ["x" * 9]
    with pytest.raises(InvalidRequest, match=r"input\[2047\] has 9 tokens"):
        await answered(input=texts)


async def test_a_text_without_a_vector_is_named():
    class Lacking(Lengths):
        async def embed(self, texts: Sequence[str], *args: Any) -> np.ndarray:
            rows = await super().embed(texts, *args)
            rows[[text == "bad" for text in texts]] = np.nan
            return rows

    with pytest.raises(Overloaded, match=r"no vector of input\[40\]"):
        await answered(Lacking(exact=False), input=["a"] * 40 + ["bad", "b"])
