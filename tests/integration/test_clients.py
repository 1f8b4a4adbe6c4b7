"""The clients that people have: the official `openai` and `langchain-openai`."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from tests.integration.conftest import (
    ABLE,
    ANSWER,
    HASTY,
    KEY,
    SIMULATED,
    Served,
)

pytestmark = pytest.mark.integration

QUESTION = [{"role": "user", "content": "What is 6 × 7?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "required": ["city", "days"],
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}


class Forecast(BaseModel):
    """An answer in a form of ours."""

    city: str
    days: int
    dry: bool


def fault(text: str) -> dict[str, Any]:
    """What asks the upstream for a fault."""
    return {"metadata": {"fault": text}}


@pytest.fixture
def chat(served: Served) -> Any:
    """`chat.completions` of the official client."""
    return served.client().chat.completions


@pytest.fixture
def langchain(served: Served) -> Iterator[Any]:
    """Makes ChatOpenAI objects on one HTTP client, which is closed in the end."""
    with httpx.Client(timeout=60) as http:

        def make(model: str = ABLE, **options: Any) -> ChatOpenAI:
            return ChatOpenAI(
                model=model,
                api_key=KEY,
                base_url=f"{served.url}/v1",
                http_client=http,
                max_retries=0,
                **options,
            )

        yield make


def test_openai_chats(chat):
    answer = chat.create(model=ABLE, messages=QUESTION)

    assert answer.choices[0].message.content == ANSWER
    assert answer.usage.total_tokens > answer.usage.completion_tokens > 0


def test_openai_streams(chat):
    stream = chat.create(model=ABLE, messages=QUESTION, stream=True)

    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == ANSWER
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_openai_calls_a_tool(chat):
    answer = chat.create(
        model=ABLE, messages=QUESTION, tools=[WEATHER], tool_choice="required"
    )

    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments) == {"city": "text", "days": 1}


def test_openai_streams_a_tool_call_in_pieces(served):
    with served.client().chat.completions.stream(
        model=ABLE, messages=QUESTION, tools=[WEATHER], tool_choice="required"
    ) as stream:
        pieces = [event for event in stream if "arguments.delta" in event.type]
        answer = stream.get_final_completion()

    (call,) = answer.choices[0].message.tool_calls
    assert len(pieces) > 3
    assert json.loads(call.function.arguments) == {"city": "text", "days": 1}


def test_the_result_of_a_tool_goes_back(chat, served):
    called = chat.create(
        model=ABLE, messages=QUESTION, tools=[WEATHER], tool_choice="required"
    )
    message = called.choices[0].message
    result = {
        "role": "tool",
        "tool_call_id": message.tool_calls[0].id,
        "content": "dry",
    }
    answer = chat.create(
        model=ABLE, messages=[*QUESTION, message, result], tools=[WEATHER]
    )

    assert answer.choices[0].message.content == ANSWER
    assert served.asked["messages"][-1] == result


def test_openai_parses_an_answer_in_a_form(chat):
    answer = chat.parse(model=ABLE, messages=QUESTION, response_format=Forecast)

    assert answer.choices[0].message.parsed == Forecast(city="text", days=1, dry=True)


def test_several_choices_with_log_probabilities(chat):
    answer = chat.create(model=ABLE, messages=QUESTION, n=2, logprobs=True)

    assert [choice.message.content for choice in answer.choices] == [ANSWER, ANSWER]
    assert answer.choices[1].logprobs.content[0].logprob < 0


def test_images_audio_and_files_pass_untouched(chat, served):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,x"}},
    ]
    messages = [{"role": "user", "content": parts}]
    chat.create(model=ABLE, messages=messages)

    assert served.asked["messages"] == messages


def test_what_is_not_ours_passes_untouched(chat, served):
    own = {
        "seed": 7,
        "stop": ["\n\n"],
        "temperature": 0.25,
        "reasoning_effort": "low",
        "metadata": {"ticket": "4711"},
        "user": "ann",
    }
    unknown = {"reasoning": {"max_tokens": 9}, "provider": {"order": ["a"]}, "x": [1]}
    chat.create(model=ABLE, messages=QUESTION, **own, extra_body=unknown)

    assert served.asked.items() >= {**own, **unknown}.items()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("asked", "error", "code"),
    [
        ("400", openai.BadRequestError, "upstream_refused"),
        ("402", openai.InternalServerError, "upstream_insufficient_credits"),
        ("500", openai.InternalServerError, "upstream_error"),
    ],
)
def test_an_upstream_s_error_raises_as_openai_s_would(chat, asked, error, code, stream):
    with pytest.raises(error) as raised:
        chat.create(model=ABLE, messages=QUESTION, stream=stream, **fault(asked))

    assert raised.value.code == code


# A limited model is left alone for a while: each case has one of its own.
@pytest.mark.parametrize(
    ("model", "stream"), [("mistral-large-2407", False), ("qwen2-72b-instruct", True)]
)
def test_a_rate_limit_says_when_to_come_back(chat, model, stream):
    with pytest.raises(openai.RateLimitError) as raised:
        chat.create(model=model, messages=QUESTION, stream=stream, **fault("429"))

    assert raised.value.code == "upstream_rate_limit"
    assert 5 <= float(raised.value.response.headers["retry-after"]) <= 8


def test_a_model_that_lacks_what_is_needed_is_a_bad_request(chat):
    with pytest.raises(openai.BadRequestError) as raised:
        chat.create(model=SIMULATED, messages=QUESTION, tools=[WEATHER])

    assert raised.value.code == "model_not_suitable"


@pytest.mark.parametrize("stream", [False, True])
def test_a_silent_upstream_is_a_server_error_not_a_timeout(chat, stream):
    with pytest.raises(openai.InternalServerError) as raised:
        chat.create(model=HASTY, messages=QUESTION, stream=stream, **fault("hang"))

    assert raised.value.status_code == 504


@pytest.mark.parametrize(
    "asked", ["cut-rst,after", "error-chunk,after", "malformed-json,after", "no-done"]
)
def test_a_stream_that_fails_on_its_way_raises(chat, asked):
    stream = chat.create(model=ABLE, messages=QUESTION, stream=True, **fault(asked))

    received = []
    with pytest.raises(openai.APIError) as raised:
        received.extend(stream)
    assert raised.value.code == "upstream_error"
    assert any(chunk.choices[0].delta.content for chunk in received)


def test_a_stream_that_stalls_raises(chat):
    stream = chat.create(
        model=HASTY, messages=QUESTION, stream=True, **fault("hang,after,tokens=1")
    )

    with pytest.raises(openai.APIError) as raised:
        list(stream)
    assert raised.value.code == "upstream_timeout_between_tokens"


def test_langchain_chats(langchain):
    answer = langchain().invoke("What is 6 × 7?")

    assert answer.content == ANSWER
    assert answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["model_name"] == ABLE


def test_langchain_streams_with_usage(langchain):
    chunks = list(langchain(stream_usage=True).stream("What is 6 × 7?"))

    assert "".join(chunk.content for chunk in chunks) == ANSWER
    assert any(chunk.usage_metadata for chunk in chunks)


@pytest.mark.parametrize("stream", [False, True])
def test_langchain_calls_a_tool(langchain, stream):
    model = langchain().bind_tools([WEATHER], tool_choice="weather")
    if stream:
        first, *rest = model.stream("What is 6 × 7?")
        answer = sum(rest, first)
    else:
        answer = model.invoke("What is 6 × 7?")

    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "text", "days": 1})


def test_langchain_answers_in_a_form(langchain):
    model = langchain().with_structured_output(Forecast, method="json_schema")

    answer = model.invoke("What is 6 × 7?")
    assert answer == Forecast(city="text", days=1, dry=True)


def test_langchain_sends_images(langchain, served):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    text = {"type": "text", "text": "What is this?"}
    langchain().invoke([HumanMessage([text, image])])

    assert served.asked["messages"][0]["content"] == [text, image]


@pytest.mark.parametrize(
    ("asked", "error"),
    [("400", openai.BadRequestError), ("500", openai.InternalServerError)],
)
def test_langchain_raises_openai_s_errors(langchain, asked, error):
    with pytest.raises(error):
        langchain(extra_body=fault(asked)).invoke("What is 6 × 7?")


def test_langchain_raises_where_a_stream_breaks(langchain):
    model = langchain(extra_body=fault("cut-fin,after"))

    with pytest.raises(openai.APIError):
        list(model.stream("What is 6 × 7?"))


def test_langchain_leaves_the_choice_of_the_model_to_us(langchain, served):
    answer = langchain("auto:quality").invoke("What is 6 × 7?")

    assert answer.content == ANSWER
    assert answer.response_metadata["model_name"] != "auto:quality"
