"""How much a request may make a model write."""

import json
from typing import Any

import pytest

from serve_app.access.request_size import AnswerSize
from serve_app.answering.answer_size import answer_size
from serve_app.answering.chat import Chat, parse_chat
from serve_app.answering.prompt_size import prompt_size
from serve_app.http.surfaces.completions import parse_completion
from serve_app.http.surfaces.responses import parse_responses


def chat(**body: Any) -> Chat:
    messages = [{"role": "user", "content": "hi"}]
    return parse_chat(json.dumps({"messages": messages, **body}).encode())


def completion(**body: Any) -> Chat:
    return parse_completion(json.dumps(body).encode())


def size(asked: Chat, **defaults: Any) -> AnswerSize:
    return answer_size(asked, prompt_size(asked.raw, asked.surface), defaults)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, AnswerSize(1, None)),
        ({"n": None, "max_tokens": None}, AnswerSize(1, None)),
        ({"max_tokens": 1000, "n": 100}, AnswerSize(100, 1000)),
        ({"max_completion_tokens": 1, "max_tokens": 1000}, AnswerSize(1, 1000)),
        ({"max_completion_tokens": 1000, "max_tokens": 1}, AnswerSize(1, 1000)),
        ({"n": 2, "best_of": 5}, AnswerSize(5, None)),
    ],
)
def test_of_a_chat(body, expected):
    assert size(chat(**body)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"prompt": "a", "max_tokens": 7, "best_of": 5, "n": 2}, AnswerSize(5, 7)),
        ({"prompt": ["a", "b", "c"], "n": 2, "max_tokens": 7}, AnswerSize(6, 7)),
        ({"prompt": [[1, 2], [3]], "max_tokens": 7}, AnswerSize(2, 7)),
        ({"prompt": [1, 2, 3], "max_tokens": 7}, AnswerSize(1, 7)),
        ({"prompt": "a", "max_tokens": 0, "best_of": 0}, AnswerSize(1, None)),
    ],
)
def test_of_a_text_completion(body, expected):
    assert size(completion(**body)) == expected


def test_of_a_response():
    asked = parse_responses(b'{"input": "a", "max_output_tokens": 9}')

    assert size(asked) == AnswerSize(1, 9)


def test_what_an_upstream_is_sent_by_default_counts_unless_the_client_says_it():
    defaults = {"n": 4, "max_tokens": 50}

    assert size(chat(), **defaults) == AnswerSize(4, 50)
    assert size(chat(n=2, max_tokens=10), **defaults) == AnswerSize(2, 10)
    assert size(chat(n=None), **defaults) == AnswerSize(4, 50), "null says nothing"
    assert size(chat(max_completion_tokens=10), **defaults) == AnswerSize(4, 50)


def test_what_has_no_bound_is_as_long_as_the_model_writes():
    assert AnswerSize(3, None).tokens(100) == 300
    assert AnswerSize(3, 7).tokens(100) == 21


@pytest.mark.parametrize(
    "content",
    ["one two three four", [{"type": "text", "text": "one two three four"}]],
)
def test_what_is_predicted_may_be_paid_for_beside_the_answer(content):
    asked = chat(max_tokens=10, prediction={"type": "content", "content": content})

    assert 10 + 4 <= size(asked).tokens(0) <= 10 + 10


@pytest.mark.parametrize("nonsense", [None, {}, [], 7, {"content": None}])
def test_a_prediction_of_nothing_costs_nothing(nonsense):
    assert size(chat(max_tokens=10, prediction=nonsense)).tokens(0) == 10


def test_only_chats_have_predictions():
    asked = completion(prompt="a", max_tokens=7, prediction={"content": "one two"})

    assert size(asked) == AnswerSize(1, 7)


@pytest.mark.parametrize(
    ("body", "extras"),
    [
        ({"plugins": [{"id": "web"}]}, True),
        ({"web_search_options": {}}, True),
        ({"tools": [{"type": "openrouter:web_search"}]}, True),
        ({"tools": [{"type": ["?"]}]}, True),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, False),
        ({"tools": [{"type": "custom"}, {"name": "f"}]}, False),
        ({"plugins": [], "web_search_options": None, "tools": []}, False),
        ({"search_parameters": {"mode": "on"}}, True),
        ({"enable_search": True}, True),
        ({"enable_search": False}, False),
        ({"tools": [{"google_search": {}}]}, True),
        ({"tools": [{}]}, True),
        ({"service_tier": "priority"}, True),
        ({"service_tier": ["?"]}, True),
        ({"service_tier": "flex"}, False),
        ({"service_tier": None}, False),
    ],
)
def test_what_an_upstream_is_to_do_beside_answering(body, extras):
    assert size(chat(**body)).extras is extras


def test_tools_that_the_upstream_of_a_response_runs():
    asked = parse_responses(b'{"input": "a", "tools": [{"type": "web_search"}]}')

    assert size(asked).extras
    assert size(chat(), plugins=[{"id": "web"}]).extras


def test_tools_that_a_conversation_brings_are_no_less_the_upstream_s():
    def offered(tool: str) -> Chat:
        item = {"type": "additional_tools", "tools": [{"type": tool, "name": "t"}]}
        return parse_responses(json.dumps({"input": [item]}).encode())

    assert size(offered("web_search")).extras
    assert not size(offered("function")).extras
