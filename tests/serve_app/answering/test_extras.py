"""What a request asks for beside text."""

import json
from typing import Any

import pytest

from deployments.protocol.backend import Surcharges
from serve_app.answering.chat import Chat, parse_chat
from serve_app.answering.extras import surcharges
from serve_app.http.surfaces.responses import parse_responses


def chat(**body: Any) -> Chat:
    messages = [{"role": "user", "content": "hi"}]
    return parse_chat(json.dumps({"messages": messages, **body}).encode())


@pytest.mark.parametrize(
    ("tier", "default", "expected"),
    [
        (None, None, Surcharges()),
        ("priority", None, Surcharges("priority")),
        (None, "flex", Surcharges("flex", "flex")),
        ("auto", "flex", Surcharges("auto", "flex")),
        (["?"], 7, Surcharges()),
    ],
)
def test_the_tier_that_is_asked_for_and_the_one_that_the_price_is_of(
    tier, default, expected
):
    defaults = {} if default is None else {"service_tier": default}

    assert surcharges(chat(service_tier=tier), defaults) == expected


@pytest.mark.parametrize(
    ("body", "extras"),
    [
        ({}, False),
        ({"modalities": ["text"]}, False),
        ({"modalities": ["text", "audio"]}, True),
        ({"modalities": ["image", "text"]}, True),
        ({"web_search_options": {}}, True),
        ({"tools": [{"type": "web_search"}]}, True),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, False),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, False),
        ({"tools": [{"type": "text_editor_20250728", "name": "edit"}]}, False),
    ],
)
def test_what_no_price_by_the_token_covers(body, extras):
    assert surcharges(chat(**body), {}).extras is extras


def test_what_is_sent_by_default_is_asked_for_as_well():
    assert surcharges(chat(), {"tools": [{"type": "web_search"}]}).extras


def test_of_a_response():
    asked = parse_responses(b'{"input": "a", "tools": [{"type": "code_interpreter"}]}')

    assert surcharges(asked, {}).extras
