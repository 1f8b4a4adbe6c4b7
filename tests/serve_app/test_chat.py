"""What of a request is read, and what is passed on."""

import json

import pytest

from serve_app.chat import (
    MAX_ROUTING_CHARACTERS,
    needed_capabilities,
    parse_chat,
    routing_text,
)


def chat(**body: object):
    return parse_chat(json.dumps({"messages": [{"role": "user"}], **body}).encode())


def messages(*turns: tuple[str, object]):
    listed = [{"role": role, "content": content} for role, content in turns]
    return chat(messages=listed).request.messages


def test_what_is_ours_is_taken_out_and_the_rest_passed_on():
    body = chat(routing={"alpha": 1}, model="auto", x={"y": [1.5, None]})

    sent = json.loads(body.upstream_body("them/m", {"usage": {"include": True}}))

    assert sent == {
        "messages": [{"role": "user"}],
        "model": "them/m",
        "x": {"y": [1.5, None]},
        "usage": {"include": True},
    }


def test_a_stream_always_asks_the_upstream_for_usage():
    body = chat(stream=True, stream_options={"include_usage": False, "z": 1})

    sent = json.loads(body.upstream_body("m", {}))

    assert sent["stream_options"] == {"include_usage": True, "z": 1}
    assert not body.request.include_usage


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        ([("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c")], "c"),
        ([("user", [{"type": "text", "text": "x"}, {"type": "image_url"}])], "x"),
        ([("user", "a"), ("tool", "result")], "a"),
        ([("system", "s"), ("user", None)], "s"),
        ([("user", None)], ""),
    ],
)
def test_the_last_user_message_is_what_is_embedded(turns, text):
    assert routing_text(messages(*turns)) == text


def test_what_a_model_must_be_able_to_do():
    request = chat(
        messages=[{"role": "user", "content": [{"type": "image_url"}]}],
        tools=[{}],
        response_format={"type": "json_schema"},
    ).request

    assert needed_capabilities(request) == {"vision", "tools", "json_schema"}
    assert needed_capabilities(chat().request) == set()


def test_of_a_very_long_text_head_and_tail_are_kept():
    text = routing_text(messages(("user", "head " + "x" * 2**19 + " tail?")))

    assert len(text) == MAX_ROUTING_CHARACTERS + 1
    assert text.startswith("head")
    assert text.endswith("tail?")
