"""Events are sent as they come, and what they come from is closed."""

import pytest

from serve_app.http.event_stream import EventStream, LastPiece


class Source:
    """Two events; `closed` tells that nobody waits for more."""

    closed = False

    async def events(self):
        try:
            yield b"a"
            yield b"b"
        finally:
            self.closed = True


async def nothing():
    raise AssertionError("nothing is to be received")


async def test_each_event_is_a_message_and_the_last_says_so():
    sent, source = [], Source()

    async def send(message):
        sent.append(message)

    await EventStream(source.events(), {"x-a": "b"})({}, nothing, send)

    head, *bodies = sent
    assert (head["status"], dict(head["headers"])[b"x-a"]) == (200, b"b")
    assert dict(head["headers"])[b"content-type"].startswith(b"text/event-stream")
    assert [body["body"] for body in bodies] == [b"a", b"b", b""]
    assert [body.get("more_body", False) for body in bodies] == [True, True, False]
    assert source.closed


async def test_the_last_piece_ends_the_response():
    sent, closed = [], []

    async def events():
        try:
            yield b"a"
            yield LastPiece(b"b")
        finally:
            closed.append(True)

    async def send(message):
        sent.append(message)

    await EventStream(events(), {})({}, nothing, send)

    _, *bodies = sent
    assert [(body["body"], body["more_body"]) for body in bodies] == [
        (b"a", True),
        (b"b", False),
    ]
    assert closed


async def test_a_source_ends_by_itself_after_its_last_piece():
    ended = []

    async def events():
        yield LastPiece(b"a")
        ended.append(True)

    async def send(message):
        pass

    await EventStream(events(), {})({}, nothing, send)

    assert ended


async def test_a_client_that_cannot_be_sent_to_ends_the_source():
    source = Source()

    async def send(message):
        if message["type"] == "http.response.body":
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await EventStream(source.events(), {})({}, nothing, send)

    assert source.closed
