"""The context of a reply closes it, whatever goes wrong."""

from collections.abc import AsyncIterator

import pytest

from deployments.backends.exchange import Outgoing, Reply
from deployments.backends.open_reply import OpenReply
from deployments.backends.patience import Patience
from deployments.catalog import Timeouts
from deployments.errors import UpstreamError


class Unreadable:
    """A reply whose headers cannot be read."""

    status = 500
    pause = None
    closed = False

    def header(self, name: str) -> str | None:
        raise LookupError(name)

    async def close(self) -> None:
        self.closed = True


class Only:
    """A transport with this one reply."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def send(self, outgoing: Outgoing) -> Reply:
        return self._reply


async def test_a_reply_that_makes_no_sense_to_us_is_closed():
    reply = Unreadable()
    outgoing = Outgoing("POST", "http://upstream", {}, None, Timeouts())

    with pytest.raises(LookupError):
        async with OpenReply(Only(reply), outgoing):
            pass

    assert reply.closed


class Whole:
    """A reply with a status and a kind, and the upstream's id of it."""

    pause = None
    closed = False

    def __init__(self, status: int, kind: str) -> None:
        self.status = status
        self._headers = {"x-generation-id": "gen-1", "content-type": kind}

    def header(self, name: str) -> str | None:
        return self._headers.get(name)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"{}"

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("status", "kind", "what"),
    [
        (503, "text/event-stream", "status 503"),
        (200, "application/json", "did not answer with an event stream"),
    ],
)
async def test_a_reply_that_is_no_stream_is_closed_and_may_have_been_charged(
    status, kind, what
):
    reply = Whole(status, kind)
    outgoing = Outgoing("POST", "http://upstream", {}, None, Timeouts())

    with pytest.raises(UpstreamError, match=what) as raised:
        async with OpenReply(Only(reply), outgoing, Patience(Timeouts())):
            pass

    assert reply.closed
    assert raised.value.generation_id == "gen-1"
