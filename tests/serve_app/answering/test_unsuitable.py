"""Where no model is left, the code says which constraint took the last of them."""

import re
from typing import Any

import pytest

from deployments.errors import InvalidRequest
from serve_app.http.surfaces.responses import parse_responses
from tests.serve_app.answering.test_candidates import Planner

LONG = "alpha beta gamma delta " * 500  # fits `small` not
LONGER = LONG * 60  # fits none
TOO_LONG, NONE = "context_length_exceeded", "no_candidate_model"
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def refusal(**body: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        Planner()(**body)
    return raised.value


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": LONGER}, TOO_LONG),
        # The window took the last models that had passed everything else.
        ({"text": LONGER, "tools": TOOLS}, TOO_LONG),
        ({"text": LONGER, "routing": {"exclude": ["large", "other"]}}, TOO_LONG),
        ({"text": LONG, "routing": {"models": ["small"]}}, TOO_LONG),
        ({"text": LONG, "tier": "narrow"}, TOO_LONG),
        ({"text": LONG, "max_tokens": 99_000}, NONE),
        ({"tools": TOOLS, "routing": {"exclude": ["large"]}}, NONE),
        ({"text": LONG, "tools": TOOLS, "routing": {"exclude": ["large"]}}, NONE),
        # A shorter prompt is answered by one of them, if with a shorter answer, too.
        ({"text": LONGER, "max_tokens": 600}, TOO_LONG),
    ],
)
def test_a_prompt_that_would_be_answered_if_it_were_shorter_has_openai_s_code(
    body, code
):
    assert refusal(**body).code == code


def test_a_model_that_is_named_and_too_small_has_the_same_code():
    error = refusal(text=LONG, model="small")

    assert (error.status, error.code, error.param) == (400, TOO_LONG, "messages")
    assert refusal(tools=TOOLS, model="small").code == "model_not_suitable"


def test_the_field_is_that_which_holds_the_prompt():
    responses = parse_responses(b'{"input": "%s"}' % LONGER.encode())
    with pytest.raises(InvalidRequest) as raised:
        Planner(surfaces=["responses"]).planned(responses)

    assert (raised.value.code, raised.value.param) == (TOO_LONG, "input")
    assert refusal(text=LONGER).param == "messages"
    assert refusal(tools=TOOLS, routing={"exclude": ["large"]}).param == "routing"


def test_clients_that_read_the_message_find_openai_s_words():
    for error in (refusal(text=LONGER), refusal(text=LONG, model="small")):
        assert re.search(r"this model's maximum context length is \d+", error.message)


def test_a_path_that_the_last_models_lack_is_told_as_that():
    planner = Planner()
    responses = parse_responses(b'{"input": "hi", "routing": {"exclude": ["large"]}}')

    with pytest.raises(InvalidRequest) as raised:
        planner.planned(responses)

    assert raised.value.code == "unsupported_endpoint"
