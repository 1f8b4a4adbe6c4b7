"""One request and the means to answer it, well or badly, on either HTTP version."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    def query(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return parse_qs(urlsplit(self.target).query).get(name, [None])[0]


class Exchange(Protocol):
    """The task that answers is cancelled when the client goes away."""

    request: Request
    protocol: str  # "HTTP/1.1" or "HTTP/2"

    @property
    def gone_away(self) -> bool:
        """Whether a GOAWAY has been sent: not every client reads on after it."""

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """The head of the answer; a body follows."""

    async def send(self, data: bytes) -> None:
        """More of the body; waits while the client does not read."""

    async def finish(self) -> None:
        """The proper end."""

    def close(self, *, reset: bool) -> None:
        """End the connection improperly: FIN, or RST."""

    def reset_stream(self) -> None:
        """End this answer improperly; on HTTP/1.1 that is the connection."""

    def break_framing(self) -> None:
        """Bytes that no HTTP parser takes."""

    def go_away(self, *, abrupt: bool) -> None:
        """HTTP/2 GOAWAY; `abrupt` disowns this request too.

        HTTP/1.1: the connection is closed at once, or after this answer.
        """


Answer = Callable[[Exchange], Awaitable[None]]


class Pipe:
    """A transport that can be waited for, and reset."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = False

    def write(self, data: bytes) -> None:
        """At once, or into the transport's buffer."""
        if not self._lost and not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Until the transport's buffer has room."""
        if not self._writable.is_set():
            await self._writable.wait()

    def pause(self) -> None:
        """Called by the transport."""
        self._writable.clear()

    def resume(self) -> None:
        """Called by the transport."""
        self._writable.set()

    def lose(self) -> None:
        """The transport is gone: nobody waits, and nothing is written any more."""
        self._lost = True
        self._writable.set()

    def close(self, *, reset: bool = False) -> None:
        """FIN after what is buffered; or RST, and what is buffered is lost."""
        if not reset:
            self._transport.close()
            return
        connection = self._transport.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()
