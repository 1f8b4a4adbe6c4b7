"""Simulated responses: of the shapes, and of the events, that clients read."""

import json
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from deployments.errors import InvalidRequest
from tests.deployments.backends.simulated import whole, wired

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
VALUE = {"city": "text", "days": 1}
FORM = {"type": "json_schema", "name": "x", "schema": SCHEMA}
CLOCK = {"type": "function", "name": "clock", "strict": False}
WEATHER = {**CLOCK, "name": "weather", "parameters": SCHEMA}
NAMED = {"type": "function", "name": "weather"}
LOGPROBS = {"include": ["message.output_text.logprobs"], "top_logprobs": 1}


async def streamed(**body: Any) -> list[dict[str, Any]]:
    events = []
    for name, data in await wired("responses", **body):
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


async def test_a_response_says_that_it_is_simulated_and_stored_nowhere():
    answer = await whole("responses", instructions="Be brief.", metadata={"a": "b"})

    response = Response.model_validate(answer)
    assert response.output_text.startswith("[simulated gpt-x]")
    assert (response.status, response.model) == ("completed", "gpt-x")
    assert (response.instructions, response.metadata) == ("Be brief.", {"a": "b"})
    assert (answer["provider"], answer["store"]) == ("simulated", False)
    assert response.usage is not None
    assert response.usage.output_tokens == response.output_text.count(" ")


async def test_the_events_of_a_message_come_in_their_order():
    events = await streamed(max_output_tokens=2)

    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "incomplete",
    ]


async def test_the_events_of_a_call_come_in_their_order():
    events = await streamed(tools=[WEATHER], tool_choice=NAMED)

    told = [event["type"].removeprefix("response.") for event in events]
    deltas = ["function_call_arguments.delta"] * (len(told) - 6)
    assert told == [
        "created",
        "in_progress",
        "output_item.added",
        *deltas,
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert len(deltas) > 3


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"max_output_tokens": 2},
        {"text": {"format": FORM}},
        {"tools": [CLOCK, WEATHER], "tool_choice": NAMED},
        LOGPROBS,
    ],
)
async def test_a_stream_says_what_the_whole_response_says(asked):
    events, answer = await streamed(**asked), await whole("responses", **asked)

    reads = TypeAdapter(ResponseStreamEvent)
    for number, event in enumerate(events):
        reads.validate_python(event)
        assert event["sequence_number"] == number
    last = events[-1]["response"]
    assert {**last, "created_at": 0} == {**answer, "created_at": 0}
    (item,) = answer["output"]
    assert events[-2]["item"] == item
    assert {event.get("item_id", item["id"]) for event in events} == {item["id"]}
    deltas = "".join(event.get("delta", "") for event in events)
    text = item.get("arguments") or item["content"][0]["text"]
    assert deltas == text


@pytest.mark.parametrize(("asked", "name"), [("required", "clock"), (NAMED, "weather")])
async def test_a_function_is_called_where_that_is_forced(asked, name):
    answer = await whole("responses", tools=[CLOCK, WEATHER], tool_choice=asked)

    (call,) = Response.model_validate(answer).output
    assert (call.type, call.name, call.status) == ("function_call", name, "completed")
    assert call.call_id.startswith("call_")
    assert json.loads(call.arguments) == ({} if name == "clock" else VALUE)


@pytest.mark.parametrize(
    "asked", [None, "auto", "none", {"type": "web_search_preview"}]
)
async def test_a_function_that_need_not_be_called_is_not(asked):
    tools = [WEATHER, {"type": "web_search_preview"}]
    answer = await whole("responses", tools=tools, tool_choice=asked)

    assert [item["type"] for item in answer["output"]] == ["message"]


async def test_json_fits_its_schema():
    answer = await whole("responses", text={"format": FORM})

    assert json.loads(Response.model_validate(answer).output_text) == VALUE


@pytest.mark.parametrize("text", [None, {}, {"format": None}, {"verbosity": "low"}])
async def test_without_a_form_it_answers_in_words(text):
    answer = await whole("responses", text=text)

    assert Response.model_validate(answer).output_text.startswith("[simulated")


async def test_log_probabilities_are_told_to_whom_they_are_of_use():
    answer = await whole("responses", **LOGPROBS, max_output_tokens=1)
    plain = await whole("responses", include=None, max_output_tokens=1)

    (part,) = answer["output"][0]["content"]
    assert [each["logprob"] for each in part["logprobs"]] == [0.0]
    assert len(part["logprobs"][0]["top_logprobs"]) == 1
    assert plain["output"][0]["content"][0]["logprobs"] == []


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tool_choice": "required", "tools": [{"type": "custom"}]}, "tool_choice"),
        ({"text": {"format": {**FORM, "schema": {"$ref": "#"}}}}, "text.format"),
    ],
)
async def test_what_cannot_be_made_is_refused(asked, param):
    with pytest.raises(InvalidRequest) as refused:
        await whole("responses", **asked)

    assert (refused.value.param, refused.value.code) == (param, "invalid_value")
