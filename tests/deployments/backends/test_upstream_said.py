"""Each shape of an error is read alike, and nothing is read that a client has sent."""

import json

import pytest

from deployments.backends.upstream_said import Said, said_in, said_of

OPENAI = {"message": "no", "type": "t", "param": "stop", "code": "c"}
SHAPES = {
    "OpenAI": {"error": OPENAI},
    "Gemini": [{"error": OPENAI}],
    "Mistral": {"object": "error", **OPENAI},
    "OpenRouter": {"error": {"code": 400, "metadata": {"raw": OPENAI}}},
    "its provider's body": {
        "error": {"metadata": {"raw": json.dumps({"error": OPENAI})}}
    },
    "a relay": {"error": {"message": json.dumps([{"error": OPENAI}])}},
}


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES)
def test_the_shapes_of_an_error(body):
    said = said_in(json.dumps(body).encode())

    assert "no" in said.messages
    assert said.names >= {"t", "c"}
    assert (said.param, said.code) == ("stop", "c")


def test_a_text_in_the_place_of_the_object_is_the_message():
    said = said_of({"code": "not a name", "error": "no"})

    assert said == Said(messages=("no",))


def test_a_refusal_by_fastapi_names_the_field_and_leaves_the_input_out():
    wrong = {"type": "missing", "loc": ["body", "stop", 0], "msg": "no", "input": "x"}

    assert said_of({"detail": [wrong]}) == Said(
        frozenset({"missing"}), ("no",), None, "stop.0", "missing"
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429}, 429),
        ({"code": "429"}, 429),
        ({"code": "c", "status_code": 400}, 400),
        ({"code": 200}, None),
        ({"code": True}, None),
        ({"code": "4000"}, None),
    ],
)
def test_a_status_inside_a_body(error, status):
    assert said_of(error).status == status


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"error": {"message": "no', b"\xff"]
)
def test_what_is_no_json_is_a_message_as_it_stands(body):
    assert said_in(body) == Said(messages=(body.decode("utf-8", "replace"),))


@pytest.mark.parametrize("value", [None, True, 7, [], {}, [None, [3]], {"error": []}])
def test_what_says_nothing(value):
    assert said_of(value) == Said()


def test_what_holds_itself_many_times_over_is_read_to_a_depth():
    nested: object = OPENAI
    for _ in range(50):
        nested = {"error": nested}

    assert said_of(nested) == Said()
    assert len(said_of([OPENAI] * 99).messages) < 99
