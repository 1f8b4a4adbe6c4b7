"""VLLMBackend on an engine that says what a test makes it say."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from deployments.backends.vllm import VLLMBackend
from deployments.backends.vllm_refusal import refusal
from deployments.catalog import Price, Timeouts
from deployments.errors import (
    InvalidRequest,
    Overloaded,
    PromptTooLong,
    ServingError,
    Unsupported,
    UpstreamError,
    UpstreamRefusal,
    UpstreamTimeout,
)
from deployments.protocol.backend import BackendRequest, Settlement, Usage

LIMIT = 2048
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}


def chunk(delta: dict[str, Any] | None, **more: Any) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta}]
    data = {"id": "chatcmpl-r1", "model": "them/m", "choices": choices, **more}
    return f"data: {orjson.dumps(data).decode()}\n\n"


ROLE = chunk({"role": "assistant", "content": ""})
DONE = "data: [DONE]\n\n"


class Engine:
    """Plays back its lines; an exception among them is raised, None hangs."""

    def __init__(self, *lines: Any) -> None:
        self._lines = lines
        self.body: dict[str, Any] = {}
        self.closed = False

    async def answers(self, surface: str, body: dict[str, Any]) -> AsyncIterator[Any]:
        self.body = body
        try:
            for line in self._lines:
                if isinstance(line, Exception):
                    raise line
                if line is None:
                    await asyncio.sleep(3600)
                yield line
        finally:
            self.closed = True


def request(**changes: Any) -> BackendRequest:
    body = {"model": "them/m", "messages": [], **changes.pop("body", {})}
    price = Price(input_usd_per_token=1e-6, output_usd_per_token=2e-6)
    given = {"price": price, **changes}
    return BackendRequest("r1", "ours", "them/m", orjson.dumps(body), **given)


def backend(engine: Engine) -> VLLMBackend:
    return VLLMBackend(engine, served_model="them/m", max_model_len=LIMIT)


async def streamed(engine: Engine, asked: BackendRequest) -> list[bytes | Settlement]:
    return [item async for item in backend(engine).stream(asked)]


async def test_the_answer_carries_the_public_id_and_the_cost_of_its_tokens():
    engine = Engine({"model": "them/m", "usage": USAGE, "kv_transfer_params": None})

    answer = await backend(engine).complete(request())

    assert orjson.loads(answer.body) == {"model": "ours", "usage": USAGE}
    assert answer.settlement == Settlement(
        Usage(10, 4, 14), pytest.approx(18e-6), "price_table", "vllm"
    )


async def test_counts_that_cannot_be_leave_the_cost_unknown():
    engine = Engine({"model": "them/m", "usage": {**USAGE, "completion_tokens": -4}})

    settlement = (await backend(engine).complete(request())).settlement

    assert settlement == Settlement(None, None, "unknown", "vllm")


async def test_a_stream_ends_with_the_usage_that_the_engine_counted():
    engine = Engine(ROLE, chunk({"content": "a"}), chunk(None, usage=USAGE), DONE)

    *frames, settlement = await streamed(engine, request())

    assert b"".join(frames).count(b'"model":"ours"') == 2
    assert settlement.usage == Usage(10, 4, 14)
    assert engine.body["stream_options"] == {"include_usage": True}


async def test_the_first_token_travels_with_the_role():
    engine = Engine(ROLE, chunk({"content": "a"}), chunk(None, usage=USAGE), DONE)

    first, *_ = await streamed(engine, request())

    assert b'"role"' in first
    assert b'"content":"a"' in first


async def test_thoughts_pass_through_as_reasoning():
    engine = Engine(ROLE, chunk({"reasoning": "hm"}), chunk(None, usage=USAGE), DONE)

    first, *_ = await streamed(engine, request())

    assert b'"reasoning":"hm"' in first


async def test_the_engine_tells_requests_apart_that_have_the_same_id():
    """Clients choose ours; an abort by that id would reach both."""
    engine = Engine({"usage": USAGE})
    known = []
    for _ in range(2):
        await backend(engine).complete(request(body={"request_id": "theirs"}))
        known.append(engine.body["request_id"])

    assert known[0] != known[1]
    assert all(each.startswith("r1-") for each in known)


async def test_a_client_that_leaves_closes_the_engines_stream():
    engine = Engine(ROLE, chunk({"content": "a"}), None)
    stream = backend(engine).stream(request())
    await anext(stream)

    await stream.aclose()

    assert engine.closed


@pytest.mark.parametrize("name", ["kv_transfer_params", "chat_template", "priority"])
async def test_what_reaches_into_the_engine_is_refused(name):
    with pytest.raises(InvalidRequest) as caught:
        await backend(Engine()).complete(request(body={name: {"a": 1}}))

    assert caught.value.param == name


async def test_a_surface_that_the_engine_has_not_is_refused():
    with pytest.raises(InvalidRequest, match="responses"):
        await backend(Engine()).complete(request(surface="responses"))


async def test_an_error_in_the_place_of_a_stream_is_raised():
    error = {"message": "…maximum context length is 2048…", "code": 400}

    with pytest.raises(InvalidRequest) as caught:
        await streamed(Engine({"error": error}), request())

    assert caught.value.code == "context_length_exceeded"


async def test_an_error_event_after_the_first_token_is_raised():
    broken = 'data: {"error": {"message": "secret", "code": 500}}\n\n'
    engine = Engine(ROLE, chunk({"content": "a"}), broken, DONE)

    with pytest.raises(UpstreamError) as caught:
        await streamed(engine, request())

    assert "secret" not in caught.value.message


async def test_a_stream_that_stops_in_the_middle_is_an_error():
    with pytest.raises(UpstreamError):
        await streamed(Engine(ROLE, chunk({"content": "a"})), request())


async def test_no_answer_at_all_is_an_error():
    with pytest.raises(UpstreamError):
        await backend(Engine()).complete(request())


@pytest.mark.parametrize("lines", [(None,), (ROLE, chunk({"content": "a"}), None)])
async def test_an_engine_that_hangs_is_given_up(lines):
    impatient = Timeouts(first_token_s=0.05, between_tokens_s=0.05, total_s=0.2)

    with pytest.raises(UpstreamTimeout):
        await streamed(Engine(*lines), request(timeouts=impatient))
    with pytest.raises(UpstreamTimeout):
        await backend(Engine(None)).complete(request(timeouts=impatient))


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ({"code": 400, "param": "input_tokens"}, PromptTooLong, "context_length_"),
        ({"code": 400, "param": "max_tokens"}, InvalidRequest, "invalid_value"),
        ({"code": 400, "param": "temperature"}, InvalidRequest, "upstream_refused"),
        ({"code": 404}, UpstreamRefusal, "upstream_model_not_found"),
        ({"code": 503}, Overloaded, "overloaded"),
        ({"code": 500}, UpstreamError, "upstream_error"),
        ({}, UpstreamError, "upstream_error"),
    ],
)
def test_refusals_are_told_in_our_words(error, kind, code):
    told = refusal({"message": "quoted", **error}, max_model_len=LIMIT)

    assert isinstance(told, ServingError)
    assert type(told) is kind
    assert told.code.startswith(code)
    assert "quoted" not in told.message


PIXEL = "data:image/png;base64,AAAA"


def seen(part: Any) -> BackendRequest:
    return request(body={"messages": [{"role": "user", "content": ["?", part]}]})


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}},
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"image_url": "https://inside.example/"},
        {"type": "video_url", "video_url": {"url": " http://inside.example/"}},
        {"type": "audio_url", "audio_url": {"url": "DATA:@inside.example"}},
    ],
)
async def test_what_the_engine_would_have_to_fetch_goes_to_another_model(part):
    """It stands inside the cluster: a client could look around there."""
    engine = Engine({"usage": USAGE})

    with pytest.raises(Unsupported, match="send images as data: URLs") as caught:
        await backend(engine).complete(seen(part))

    assert (caught.value.status, caught.value.retryable) == (400, True)
    assert engine.body == {}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": PIXEL}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "image_url", "image_url": None},
        {"type": "text", "text": "https://inside.example/"},
    ],
)
async def test_what_a_request_brings_itself_is_taken(part):
    assert await backend(Engine({"usage": USAGE})).complete(seen(part))


async def test_an_engine_that_is_told_from_where_may_fetch():
    engine = Engine({"usage": USAGE})
    fetching = VLLMBackend(engine, served_model="m", max_model_len=LIMIT, fetches=True)

    part = {"type": "image_url", "image_url": {"url": "https://images.example/a.png"}}
    assert await fetching.complete(seen(part))
