"""A real vLLM engine behind a real Ray handle, as the Gateway uses it."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from deployments.catalog import Price
from deployments.errors import InvalidRequest
from deployments.protocol.backend import Backend, BackendRequest, Settlement
from scripts.tiny_served import MAX_MODEL_LEN, UPSTREAM_MODEL
from tests.vllm.conftest import Served

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.asyncio(loop_scope="session"),
    # Ray and vLLM warn on their own account when they are imported.
    pytest.mark.filterwarnings("default"),
]

PRICE = Price(input_usd_per_token=1e-6, output_usd_per_token=2e-6)
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Oslo", "Rome"]}},
            "required": ["city"],
        },
    },
}

SAID = '<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>'
CALLING = {
    "tools": [TOOL],
    "tool_choice": "auto",
    "structured_outputs": {"choice": [SAID]},  # makes the random model say just this
    "max_tokens": 100,
}


def request(**changes: Any) -> BackendRequest:
    """Greedy, and without thoughts: a random model never ends them."""
    body = {
        "model": UPSTREAM_MODEL,
        "messages": [{"role": "user", "content": "What is 6 × 7?"}],
        "max_tokens": 12,
        "temperature": 0,
        "chat_template_kwargs": {"enable_thinking": False},
        **changes,
    }
    return BackendRequest("r1", "tiny", UPSTREAM_MODEL, orjson.dumps(body), price=PRICE)


@pytest_asyncio.fixture(loop_scope="session")
async def backend(served: Served) -> Backend:
    from deployments.handles import RemoteBackend  # imports Ray, which warns

    return RemoteBackend(served.handle(), "vllm:tiny")


async def streamed(
    backend: Backend, asked: BackendRequest
) -> tuple[list[dict[str, Any]], Settlement]:
    """The chunks of all events, and the settlement."""
    *frames, settlement = [item async for item in backend.stream(asked)]
    assert isinstance(settlement, Settlement)
    events = b"".join(frames).split(b"\n\n")[:-1]
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events], settlement


def text_of(chunks: list[dict[str, Any]], field: str = "content") -> str:
    deltas = (choice["delta"] for chunk in chunks for choice in chunk["choices"])
    return "".join(delta.get(field) or "" for delta in deltas)


def blank_tokens(model: Path) -> list[str]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    ids = range(tokenizer.get_vocab_size())
    return [str(token) for token in ids if not tokenizer.decode([token]).strip()]


async def drained(handle: Any) -> bool:
    """Whether the engine gets rid of its requests, in far less than their own time."""
    for _ in range(100):
        if await handle.unfinished.remote() == 0:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_whole_answer_has_usage_and_a_price(backend):
    answer = await backend.complete(request())

    body, usage = orjson.loads(answer.body), answer.settlement.usage
    assert body["model"] == "tiny"
    assert body["id"].startswith("chatcmpl-r1-")
    assert usage.completion_tokens == 12
    assert answer.settlement.cost_source == "price_table"
    assert answer.settlement.cost_usd == pytest.approx(
        usage.prompt_tokens * 1e-6 + 12 * 2e-6
    )


async def test_a_stream_says_the_same_as_the_whole_answer(backend):
    whole = await backend.complete(request())

    chunks, settlement = await streamed(backend, request())

    message = orjson.loads(whole.body)["choices"][0]["message"]
    assert text_of(chunks) == message["content"]
    assert {chunk["model"] for chunk in chunks} == {"tiny"}
    assert settlement.usage == whole.settlement.usage


async def test_thoughts_arrive_as_reasoning(backend):
    thinking = request(chat_template_kwargs={"enable_thinking": True})

    chunks, settlement = await streamed(backend, thinking)

    assert text_of(chunks, "reasoning")
    assert text_of(chunks) == ""
    assert settlement.usage.reasoning_tokens > 0


async def test_a_named_tool_is_called_with_arguments_that_fit_its_schema(
    backend, tiny_model
):
    choice = {"type": "function", "function": {"name": "weather"}}
    # JSON may begin with any amount of white space, and this model never has enough.
    no_blanks = dict.fromkeys(blank_tokens(tiny_model), -100)

    answer = await backend.complete(
        request(tools=[TOOL], tool_choice=choice, logit_bias=no_blanks, max_tokens=60)
    )

    [call] = orjson.loads(answer.body)["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert orjson.loads(call["function"]["arguments"])["city"] in {"Oslo", "Rome"}


async def test_a_tool_call_in_the_models_text_is_parsed(backend):
    answer = await backend.complete(request(**CALLING))

    choice = orjson.loads(answer.body)["choices"][0]
    [call] = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert orjson.loads(call["function"]["arguments"]) == {"city": "Oslo"}


async def test_a_tool_call_in_a_stream_arrives_in_deltas(backend):
    chunks, _ = await streamed(backend, request(**CALLING))

    calls = [
        call["function"]
        for chunk in chunks
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls") or []
    ]
    arguments = "".join(call.get("arguments") or "" for call in calls)
    assert calls[0]["name"] == "weather"
    assert orjson.loads(arguments) == {"city": "Oslo"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_an_answer_obeys_a_json_schema(backend):
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["glad", "sad"]}},
        "required": ["mood"],
        "additionalProperties": False,
    }
    asked = request(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "mood", "schema": schema},
        },
        max_tokens=40,
    )

    answer = await backend.complete(asked)

    message = orjson.loads(answer.body)["choices"][0]["message"]
    assert orjson.loads(message["content"])["mood"] in {"glad", "sad"}


async def test_text_completions_are_answered_too(backend):
    body = {"model": UPSTREAM_MODEL, "prompt": "def", "max_tokens": 5}
    asked = BackendRequest(
        "r2", "tiny", UPSTREAM_MODEL, orjson.dumps(body), surface="completions"
    )

    answer = await backend.complete(asked)
    *frames, settlement = [item async for item in backend.stream(asked)]

    assert orjson.loads(answer.body)["object"] == "text_completion"
    assert frames
    assert settlement.usage.completion_tokens == 5
    assert settlement.cost_usd is None


async def test_a_client_that_leaves_aborts_the_request_in_the_engine(backend, served):
    handle = served.handle()
    stream = backend.stream(request(max_tokens=MAX_MODEL_LEN - 100, ignore_eos=True))
    await anext(stream)
    during = await handle.unfinished.remote()

    await stream.aclose()

    assert during == 1
    assert await drained(handle)


async def test_a_prompt_that_is_too_long_is_the_clients_error(backend):
    long = request(messages=[{"role": "user", "content": "word " * 4 * MAX_MODEL_LEN}])

    for ask in (backend.complete, lambda asked: streamed(backend, asked)):
        with pytest.raises(InvalidRequest) as caught:
            await ask(long)

        assert caught.value.status == 400
        assert caught.value.code == "context_length_exceeded"
        assert str(MAX_MODEL_LEN) in caught.value.message


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"temperature": -3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 5 * MAX_MODEL_LEN}, "max_tokens"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"messages": 3}, None),
        ({"priority": -1}, "priority"),
    ],
)
async def test_what_the_engine_cannot_read_is_the_clients_error(
    backend, changes, param
):
    with pytest.raises(InvalidRequest) as caught:
        await backend.complete(request(**changes))

    assert caught.value.param == param
