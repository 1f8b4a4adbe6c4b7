"""The context of a reply closes it, whatever goes wrong."""

import pytest

from deployments.backends.exchange import Outgoing, Reply
from deployments.backends.open_reply import OpenReply
from deployments.catalog import Timeouts


class Unreadable:
    """A reply whose headers cannot be read."""

    status = 429
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
