"""Text completions: what routing reads of them."""

import json
from typing import Any

import pytest

from deployments.errors import InvalidRequest
from serve_app.answering.chat import Chat
from serve_app.answering.conversation import routing_text
from serve_app.http.surfaces.completions import CompletionRequest, parse_completion


def parsed(**body: Any) -> Chat:
    return parse_completion(json.dumps(body).encode())


def test_the_body_stays_as_it_came():
    body = {"prompt": "def f(", "suffix": ")", "echo": True, "n": 2, "x": [1]}
    chat = parsed(model="large", **body)

    assert chat.raw == {"model": "large", **body}
    assert chat.surface == "completions"
    assert json.loads(chat.upstream_body("them", {}))["suffix"] == ")"


def test_a_stream_asks_for_its_usage():
    chat = parsed(prompt="a", stream=True)

    sent = json.loads(chat.upstream_body("them", {}))
    assert sent["stream_options"] == {"include_usage": True}
    assert not chat.include_usage


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Say hi.", "Say hi."),
        (["Say hi.", "Say ho."], "Say hi.\nSay ho."),
        ([15496, 995], ""),
        ([[15496], [995]], ""),
        ("", ""),
    ],
)
def test_what_routing_reads_of_a_prompt(prompt, text):
    assert routing_text(parsed(prompt=prompt).request.messages) == text


@pytest.mark.parametrize(("stated", "read"), [(None, None), (0, None), (7, 7)])
def test_the_longest_answer(stated, read):
    assert parsed(prompt="a", max_tokens=stated).request.output_tokens == read


def test_every_field_but_the_prompt_may_be_null_which_is_the_same_as_none():
    names = CompletionRequest.model_fields.keys() - {"prompt"}

    nothing = parsed(prompt="a", **dict.fromkeys(names))
    assert nothing.request == parsed(prompt="a").request


def test_routing_options_are_read():
    chat = parsed(prompt="a", routing={"alpha": 0.25})

    assert chat.request.routing.alpha == 0.25
    assert "routing" not in json.loads(chat.upstream_body("them", {}))


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "prompt", "missing_required_parameter"),
        ({"prompt": None}, "prompt", "invalid_value"),
        ({"prompt": []}, "prompt", "invalid_value"),
        ({"prompt": ["a", 1]}, "prompt", "invalid_value"),
        ({"prompt": [True]}, "prompt", "invalid_value"),
        ({"prompt": [[]]}, "prompt", "invalid_value"),
        ({"prompt": {"text": "a"}}, "prompt", "invalid_value"),
        ({"prompt": "a", "max_tokens": -1}, "max_tokens", "invalid_value"),
        ({"prompt": "a", "n": 0}, "n", "invalid_value"),
        ({"prompt": "a", "n": "100"}, "n", "invalid_value"),
        ({"prompt": "a", "best_of": 21}, "best_of", "invalid_value"),
        ({"prompt": "a", "routing": {"beta": 1}}, "routing.beta", "invalid_value"),
    ],
)
def test_bad_requests_name_the_field(body, param, code):
    with pytest.raises(InvalidRequest) as raised:
        parsed(**body)

    assert (raised.value.param, raised.value.code) == (param, code)
