"""The Responses API's requests: what routing reads of them, and what is refused."""

import json
from typing import Any

import pytest

from deployments.errors import InvalidRequest
from serve_app.answering.chat import Chat
from serve_app.answering.conversation import conversation_key, first_text, routing_text
from serve_app.answering.needs import needed_capabilities
from serve_app.http.surfaces.responses import ResponsesRequest, parse_responses


def parsed(**body: Any) -> Chat:
    return parse_responses(json.dumps(body).encode())


QUESTION = (
    "What is the remainder when 7^100 is divided by 13? Explain each of the steps."
)
TURNS = [
    {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]},
    {"type": "reasoning", "summary": []},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "9"},
]
SCREENSHOT = {
    "type": "computer_call_output",
    "call_id": "c",
    "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,AA"},
}


def test_the_body_stays_as_it_came_but_is_not_to_be_stored():
    body = {"input": "hi", "reasoning": {"effort": "low"}, "metadata": {"a": "b"}}

    assert parsed(**body).raw == {**body, "store": False}
    assert parsed(**body, store=None).raw["store"] is False
    assert parsed(**body, store=False).surface == "responses"


def test_a_stream_needs_not_ask_for_its_usage():
    sent = json.loads(parsed(input="a", stream=True).upstream_body("them", {}))

    assert sent == {"input": "a", "stream": True, "store": False, "model": "them"}


def test_every_field_but_the_input_may_be_null_which_is_the_same_as_none():
    names = ResponsesRequest.model_fields.keys() - {"input"}

    nothing = parsed(input="a", **dict.fromkeys(names), usage=None)
    assert nothing.request == parsed(input="a").request
    defaults = {"usage": {"include": True}}
    for asked in (nothing, parsed(input="a", usage={"include": True})):
        assert "usage" not in json.loads(asked.upstream_body("them", defaults))


def test_what_routing_reads():
    assert routing_text(parsed(input="hi").request.messages) == "hi"
    assert routing_text(parsed(input=TURNS).request.messages) == QUESTION


def test_roles_of_the_items():
    request = parsed(input=TURNS, instructions="Be brief.").request

    roles = [message.role for message in request.messages]
    assert roles == ["system", "user", "assistant", "assistant", "tool"]


def test_a_conversation_is_recognised_by_its_instructions_and_first_message():
    now = parsed(input=TURNS, instructions="Be brief.").request
    later = [*TURNS, {"role": "user", "content": "And by 14?"}]

    key = conversation_key("t", now)
    assert key is not None
    assert key == conversation_key(
        "t", parsed(input=later, instructions="Be brief.").request
    )
    assert key != conversation_key("t", parsed(input=TURNS).request)
    assert first_text(now) == QUESTION
    assert conversation_key("t", parsed(input="hi").request) is None


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        ({"input": "a"}, set()),
        ({"input": "a", "text": {"format": {"type": "text"}}}, set()),
        ({"input": "a", "text": {"format": {"type": "json_schema"}}}, {"json_schema"}),
        ({"input": "a", "tools": [{"type": "function", "name": "f"}]}, {"tools"}),
        ({"input": TURNS}, {"tools"}),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            {"vision"},
        ),
        (
            {
                "input": [
                    {"type": "function_call_output", "output": [{"type": "input_file"}]}
                ]
            },
            {"files", "tools"},
        ),
        ({"input": [SCREENSHOT]}, {"vision", "tools"}),
        ({"input": [{"type": "additional_tools", "tools": [{}]}]}, {"tools"}),
    ],
)
def test_what_a_model_must_be_able_to_do(body, needed):
    assert needed_capabilities(parsed(**body).request) == needed


def test_the_longest_answer():
    assert parsed(input="a", max_output_tokens=7).request.output_tokens == 7


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("store", True),
        ("background", True),
        ("previous_response_id", "resp_1"),
        ("conversation", {"id": "conv_1"}),
        ("prompt", {"id": "pmpt_1"}),
    ],
)
def test_what_needs_a_store_is_refused_by_name(field, value):
    with pytest.raises(InvalidRequest) as raised:
        parsed(input="a", **{field: value})

    assert raised.value.param == field
    assert raised.value.code == "unsupported_parameter"
    assert field in raised.value.message


@pytest.mark.parametrize("value", [None, False])
def test_saying_no_to_a_store_is_fine(value):
    parsed(input="a", background=value, store=value)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "input", "missing_required_parameter"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": 3}, "input", "invalid_value"),
        ({"input": [3]}, "input[0]", "invalid_value"),
        ({"input": [{"content": "a"}]}, "input[0].role", "missing_required_parameter"),
        ({"input": [{"role": "x", "content": "a"}]}, "input[0].role", "invalid_value"),
        (
            {"input": [{"role": "user", "content": 3}]},
            "input[0].content",
            "invalid_value",
        ),
        (
            {"input": [{"type": "item_reference", "id": "i"}]},
            "input[0]",
            "unsupported_parameter",
        ),
        (
            {"input": "a", "stream": True, "routing": {"explain": True}},
            "routing.explain",
            "unsupported_parameter",
        ),
        ({"input": "a", "max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
        ({"input": "a", "instructions": 1}, "instructions", "invalid_value"),
    ],
)
def test_bad_requests_name_the_field(body, param, code):
    with pytest.raises(InvalidRequest) as raised:
        parsed(**body)

    assert (raised.value.param, raised.value.code) == (param, code)


def test_who_refers_to_an_item_is_told_how_to_send_it():
    with pytest.raises(InvalidRequest, match="store: false"):
        parsed(input=[{"type": "item_reference", "id": "msg_1"}])
