"""What a simulated answer says where its request asks for more than words."""

import json
from typing import Any

import pytest

from deployments.errors import InvalidRequest
from tests.deployments.backends.simulated import request, simulator

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
VALUE = {"city": "text", "days": 1}
CLOCK = {"type": "function", "function": {"name": "clock"}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
NAMED = {"type": "function", "function": {"name": "weather"}}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
ENDLESS = {"$ref": "#"}


async def whole(**body: Any) -> dict[str, Any]:
    return json.loads((await simulator().complete(request(**body))).body)


async def choice(**body: Any) -> dict[str, Any]:
    (only,) = (await whole(**body))["choices"]
    return only


async def streamed(**body: Any) -> list[dict[str, Any]]:
    *frames, _ = [item async for item in simulator().stream(request(**body))]
    events = b"".join(frames).removesuffix(b"\n\n").split(b"\n\n")
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


async def test_each_of_n_choices_is_another_and_all_are_counted():
    answer = await whole(n=2)

    first, second = (each["message"]["content"] for each in answer["choices"])
    assert first != second
    assert [each["index"] for each in answer["choices"]] == [0, 1]
    n_tokens = first.count(" ") + second.count(" ")
    assert answer["usage"]["completion_tokens"] == n_tokens


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ("lated gpt", "[simu"),
        (["-", "sim"], "["),
        ("[", ""),
        (["", "-x"], "[simulated gpt"),
    ],
)
async def test_an_answer_ends_before_the_first_of_what_is_to_stop_it(stop, said):
    answer = await whole(stop=stop)

    assert answer["choices"][0]["message"]["content"] == said
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] == bool(said)


@pytest.mark.parametrize("stop", [None, [], "", "#", ["#", "?"], 5])
async def test_what_stops_nothing_changes_nothing(stop):
    answered = await choice(stop=stop, max_tokens=5)

    assert answered["message"]["content"].count(" ") == 5
    assert answered["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("asked", "finish"), [("required", "tool_calls"), (NAMED, "stop")]
)
async def test_a_function_is_called_where_that_is_forced(asked, finish):
    tools = [WEATHER, CLOCK] if asked == "required" else [CLOCK, WEATHER]
    answered = await choice(tools=tools, tool_choice=asked)

    (call,) = answered["message"]["tool_calls"]
    assert answered["finish_reason"] == finish
    assert answered["message"]["content"] is None
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert call["id"].startswith("call_")
    assert json.loads(call["function"]["arguments"]) == VALUE


async def test_a_function_without_parameters_is_called_with_none():
    answered = await choice(tools=[CLOCK], tool_choice="required")

    assert answered["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    "asked", ["auto", "none", None, {"type": "custom", "custom": {"name": "x"}}]
)
async def test_a_function_that_need_not_be_called_is_not(asked):
    answered = await choice(tools=[WEATHER], tool_choice=asked)

    assert answered["message"]["content"].startswith("[simulated gpt-x]")
    assert "tool_calls" not in answered["message"]
    assert answered["finish_reason"] == "stop"


async def test_json_that_is_not_described_holds_the_words():
    answered = await choice(response_format={"type": "json_object"})

    said = json.loads(answered["message"]["content"])
    assert said["text"].startswith("[simulated gpt-x]")


async def test_json_fits_its_schema_and_ends_at_the_limit():
    answered = await choice(response_format=FORM)
    cut = await choice(response_format=FORM, max_completion_tokens=2)

    assert json.loads(answered["message"]["content"]) == VALUE
    assert answered["finish_reason"] == "stop"
    assert cut["message"]["content"] == '{"city":'
    assert cut["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": NAMED, "tools": [CLOCK]}, "tool_choice"),
        ({"tool_choice": "required", "tools": [{}]}, "tool_choice"),
        (
            {
                "tool_choice": "required",
                "tools": [{"function": {"name": "x", "parameters": ENDLESS}}],
            },
            "tools",
        ),
        (
            {"response_format": {**FORM, "json_schema": {"schema": ENDLESS}}},
            "response_format",
        ),
    ],
)
async def test_what_cannot_be_made_is_refused(asked, param):
    with pytest.raises(InvalidRequest) as refused:
        await whole(**asked)

    assert (refused.value.param, refused.value.code) == (param, "invalid_value")


async def test_log_probabilities_are_those_of_a_certain_answer():
    plain = await choice()
    told = await choice(logprobs=True)
    compared = await choice(logprobs=True, top_logprobs=3)

    assert plain["logprobs"] is None
    tokens = [each["token"] for each in told["logprobs"]["content"]]
    assert "".join(tokens) == told["message"]["content"]
    name = "[simulated gpt-x]"
    first = {"token": name, "logprob": 0.0, "bytes": [*name.encode()]}
    assert told["logprobs"]["content"][0] == {**first, "top_logprobs": []}
    assert compared["logprobs"]["content"][0] == {**first, "top_logprobs": [first]}


def said_in(events: list[dict[str, Any]], index: int) -> dict[str, Any]:
    """A choice put together of its events, as a client does it."""
    chunks = [event["choices"][0] for event in events]
    chunks = [chunk for chunk in chunks if chunk["index"] == index]
    deltas = [chunk["delta"] for chunk in chunks]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    logprobs = [chunk["logprobs"] for chunk in chunks if chunk.get("logprobs")]
    assert [chunk["finish_reason"] for chunk in chunks[:-1]] == [None] * len(chunks[1:])
    return {
        "role": deltas[0]["role"],
        "content": "".join(delta.get("content") or "" for delta in deltas),
        "name": calls[0]["function"]["name"] if calls else None,
        "arguments": "".join(call["function"]["arguments"] for call in calls),
        "logprobs": [each for some in logprobs for each in some["content"]],
        "finish_reason": chunks[-1]["finish_reason"],
    }


def said(answered: dict[str, Any]) -> dict[str, Any]:
    """A choice of a whole answer in the same form."""
    message = answered["message"]
    function = (message.get("tool_calls") or [{}])[0].get("function", {})
    return {
        "role": message["role"],
        "content": message["content"] or "",
        "name": function.get("name"),
        "arguments": function.get("arguments", ""),
        "logprobs": (answered["logprobs"] or {}).get("content", []),
        "finish_reason": answered["finish_reason"],
    }


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"n": 3},
        {"stop": "["},
        {"logprobs": True, "top_logprobs": 1, "max_tokens": 3},
        {"response_format": FORM, "n": 2},
        {"tools": [WEATHER], "tool_choice": "required", "n": 2},
        {"tools": [WEATHER], "tool_choice": NAMED, "max_tokens": 2},
    ],
)
async def test_a_stream_says_what_the_whole_answer_says(asked):
    events, answer = await streamed(**asked), await whole(**asked)

    for index, answered in enumerate(answer["choices"]):
        assert said_in(events, index) == said(answered)
    heads = [{**event, "choices": None} for event in events]
    assert heads == [heads[0]] * len(events)
    assert heads[0]["object"] == "chat.completion.chunk"
