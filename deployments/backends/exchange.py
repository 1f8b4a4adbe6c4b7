"""One request to an upstream and its reply, whatever carries them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from deployments.catalog import Timeouts

Pause = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is sent; names of headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    timeouts: Timeouts  # that of the connection, and how long bytes may not come


class Reply(Protocol):
    """An answer whose headers have arrived."""

    @property
    def status(self) -> int:
        """Of HTTP."""

    @property
    def pause(self) -> Pause | None:
        """Waits until the transport's next tick, that more of the answer may gather, or
        until its end; None: the transport cannot."""

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, decoded; httpx.HTTPError if it breaks off."""

    async def close(self) -> None:
        """Free the connection, or give it up if some of the answer is still to come."""


class Transport(Protocol):
    """Connections to upstreams."""

    @property
    def can_pause(self) -> bool:
        """Whether its replies can."""

    async def send(self, outgoing: Outgoing) -> Reply:
        """The reply whose headers have arrived; httpx.HTTPError if none comes."""

    async def close(self) -> None:
        """Close all connections."""
