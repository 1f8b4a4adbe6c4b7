"""What of a request is read, and what is passed on."""

import json

from serve_app.answering.chat import parse_chat


def chat(**body: object):
    return parse_chat(json.dumps({"messages": [{"role": "user"}], **body}).encode())


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
