"""Simulated text completions, in the shapes of OpenAI's."""

import json
from typing import Any

import pytest
from openai.types import Completion

from deployments.errors import InvalidRequest
from tests.deployments.backends.simulated import whole, wired


async def test_a_text_completion_says_that_it_is_simulated():
    answer = await whole("completions")

    (only,) = Completion.model_validate(answer).choices
    assert answer["provider"] == "simulated"
    assert only.text.startswith("[simulated gpt-x]")
    assert (only.index, only.finish_reason, only.logprobs) == (0, "stop", None)
    n_tokens = only.text.count(" ")
    assert answer["usage"]["completion_tokens"] == n_tokens


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"n": 2},
        {"prompt": ["Hello?", "Who?"], "max_tokens": 3},
        {"stop": "["},
        {"max_tokens": 0},
        {"response_format": {"type": "json_object"}},
    ],
)
async def test_a_stream_of_text_says_what_the_whole_answer_says(asked):
    answer = await whole("completions", **asked)
    lines = await wired("completions", **asked)

    events = [json.loads(data.removeprefix("data: ")) for (data,) in lines]
    assert {event["object"] for event in events} == {"text_completion"}
    for choice in answer["choices"]:
        told = [each for event in events if (each := of(event, choice["index"]))]
        assert "".join(each["text"] for each in told) == choice["text"]
        reasons = [each["finish_reason"] for each in told]
        assert reasons == [None] * (len(told) - 1) + [choice["finish_reason"]]


def of(event: dict[str, Any], index: int) -> dict[str, Any] | None:
    (choice,) = event["choices"]
    return choice if choice["index"] == index else None


@pytest.mark.parametrize(
    ("prompt", "n_prompts"),
    [("a", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2, 3]], 2)],
)
async def test_each_prompt_has_answers_of_its_own(prompt, n_prompts):
    answer = await whole("completions", prompt=prompt, n=2)

    indices = [choice["index"] for choice in answer["choices"]]
    assert indices == list(range(2 * n_prompts))


async def test_more_answers_than_openai_gives_are_refused():
    with pytest.raises(InvalidRequest) as refused:
        await whole("completions", prompt=["a"] * 65, n=2)

    assert (refused.value.param, refused.value.code) == ("prompt", "invalid_value")
