"""The official client on a gateway whose models are simulated, as a newcomer has it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from deployments.backends.simulator import SimulatorBackend, SimulatorConfig
from tests.fakes import CATALOG
from tests.serve_app.http.api_client import MESSAGES, client

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "required": ["city", "days"],
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}
ARGUMENTS = {"city": "text", "days": 1}


class Day(BaseModel):
    """Of a forecast."""

    sky: str
    rain_mm: float | None


class Forecast(BaseModel):
    """An answer in a form of ours."""

    city: str
    days: list[Day]


FORECAST = Forecast(city="text", days=[Day(sky="text", rain_mm=1.0)])


@pytest.fixture
async def official() -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client."""
    backend = SimulatorBackend(SimulatorConfig(first_token_s=0, tokens_per_s=1e6))
    able = [{**spec, "capabilities": ["tools", "json_schema"]} for spec in CATALOG]
    async with client(backend=backend, catalog={"models": able}) as http:
        yield openai.AsyncOpenAI(
            api_key="sk-av-t", base_url="http://test/v1", http_client=http
        )


@pytest.fixture
def chat(official: openai.AsyncOpenAI) -> Any:
    """Its `chat.completions`."""
    return official.chat.completions


async def test_a_form_is_parsed_whole_and_streamed(chat):
    asked = {"model": "auto", "messages": MESSAGES, "response_format": Forecast}
    answer = await chat.parse(**asked)
    async with chat.stream(**asked) as stream:
        streamed = await stream.get_final_completion()

    assert answer.choices[0].message.parsed == FORECAST
    assert streamed.choices[0].message.parsed == FORECAST


async def test_a_forced_call_is_read_whole_and_streamed(chat):
    asked = {"model": "auto", "messages": MESSAGES, "tools": [WEATHER]}
    answer = await chat.create(**asked, tool_choice="required")
    async with chat.stream(**asked, tool_choice="required") as stream:
        streamed = await stream.get_final_completion()

    for found in (answer, streamed):
        (call,) = found.choices[0].message.tool_calls
        assert found.choices[0].finish_reason == "tool_calls"
        assert json.loads(call.function.arguments) == ARGUMENTS


async def test_choices_with_log_probabilities_and_usage_in_the_end(chat):
    stream = await chat.create(
        model="auto",
        messages=MESSAGES,
        n=2,
        logprobs=True,
        max_tokens=3,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = [chunk async for chunk in stream]

    assert (last.choices, last.usage.completion_tokens) == ([], 6)
    told = [chunk.choices[0] for chunk in chunks]
    ends = [each.index for each in told if each.finish_reason == "length"]
    tokens = [each for each in told if each.logprobs is not None]
    assert ends == [0, 1]
    assert [each.index for each in tokens] == [0, 1] * 3
    assert {chunk.created for chunk in [*chunks, last]} == {last.created}


async def test_what_cannot_be_made_is_a_bad_request(chat):
    with pytest.raises(openai.BadRequestError) as raised:
        await chat.create(model="auto", messages=MESSAGES, tool_choice="required")

    assert raised.value.param == "tool_choice"


async def test_a_text_completion_whole_and_streamed(official):
    asked = {"model": "auto", "prompt": ["Tell me.", "And me."], "max_tokens": 3}
    answer = await official.completions.create(**asked)
    stream = await official.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = [chunk async for chunk in stream]

    for choice in answer.choices:
        told = [chunk.choices[0] for chunk in chunks]
        told = [each for each in told if each.index == choice.index]
        for text in (choice.text, "".join(each.text for each in told)):
            assert text.startswith("[simulated")
        assert choice.finish_reason == told[-1].finish_reason == "length"
    assert (last.choices, last.usage.completion_tokens) == ([], 6)
    assert answer.usage.completion_tokens == 6


async def test_a_response_whole_and_streamed(official):
    asked = {"model": "auto", "input": "Tell me.", "max_output_tokens": 3}
    answer = await official.responses.create(**asked)
    stream = await official.responses.create(**asked, stream=True)
    *_, last = [event async for event in stream]

    for found in (answer, last.response):
        assert found.output_text.startswith("[simulated")
        assert (found.status, found.usage.output_tokens) == ("incomplete", 3)
        assert found.incomplete_details.reason == "max_output_tokens"


async def test_a_form_of_a_response_is_parsed_whole_and_streamed(official):
    asked = {"model": "auto", "input": "Tell me.", "text_format": Forecast}
    answer = await official.responses.parse(**asked)
    async with official.responses.stream(**asked) as stream:
        streamed = await stream.get_final_response()

    assert answer.output_parsed == FORECAST
    assert streamed.output_parsed == FORECAST


async def test_a_call_of_a_response_goes_back_with_its_output(official):
    tool = {"type": "function", "strict": False, **WEATHER["function"]}
    asked = {"model": "auto", "tools": [tool]}
    first = [{"role": "user", "content": "What will it be like?"}]
    called = await official.responses.create(
        **asked, input=first, tool_choice="required"
    )
    (call,) = called.output
    output = {"call_id": call.call_id, "output": "dry"}
    told = [*first, call, {"type": "function_call_output", **output}]
    answer = await official.responses.create(**asked, input=told)

    assert json.loads(call.arguments) == ARGUMENTS
    assert answer.output_text.startswith("[simulated")


async def test_a_response_that_breaks_off_raises(official):
    backend = SimulatorBackend(SimulatorConfig(first_token_s=0, cut_rate=1.0))
    async with client(backend=backend) as http:
        asking = official.copy(http_client=http)
        stream = await asking.responses.create(
            model="auto", input="Tell me.", stream=True
        )

        with pytest.raises(openai.APIError, match="broke off"):
            _ = [event async for event in stream]
