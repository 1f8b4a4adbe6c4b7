"""Server-sent events as bytes: cutting a stream into events, and gathering them."""

import asyncio
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress

from deployments.errors import ServingError

MAX_EVENT_BYTES = 8 * 2**20
DONE = b"[DONE]"
# How long the events of a stream gather before they go on, after the first ones.
GATHER_S = 0.025


class EventSplitter:
    """Cuts a byte stream into the data of its events.

    Comments (`: …`) and fields other than `data` are skipped, as the HTML standard
    has it, and events without a byte of data, by which relays keep a connection alive;
    lines end with LF, CRLF or CR, and a byte order mark may come first.
    """

    def __init__(self) -> None:
        self._rest: bytes | bytearray = b""  # of the event that is not whole yet
        self._start: bytes | None = b""  # what may be the half of such a mark
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Data of the events that `chunk` completes; ValueError for one too large."""
        if self._start is not None:
            chunk = self._unmarked(chunk)
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_line_feeds(chunk)
        if self._rest:
            # Looked through once, and copied once: an event may come in many pieces.
            ends = b"\n\n" in chunk or (
                chunk.startswith(b"\n") and self._rest.endswith(b"\n")
            )
            if not ends:
                self._grow(chunk)
                return []
            chunk = b"".join((self._rest, chunk))
        whole, _, self._rest = chunk.rpartition(b"\n\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError("an event is longer than the limit")
        if whole.startswith(b"data: "):
            # As almost all come: each a line of data, and nothing else between them.
            events = whole[6:].split(b"\n\ndata: ")
            if whole.count(b"\n") == 2 * (len(events) - 1):
                return events if all(events) else list(filter(None, events))
        found = map(_data, whole.split(b"\n\n"))
        return [data for data in found if data is not None]

    @property
    def unfinished(self) -> bytes | None:
        """Data of an event that still lacks the empty line after it."""
        return _data(bytes(self._rest).strip())

    def _unmarked(self, chunk: bytes) -> bytes:
        start = (self._start or b"") + chunk
        if len(start) < len(BOM_UTF8) and BOM_UTF8.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(BOM_UTF8)

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """A CR ends its line at once; a LF that comes next is the rest of that end."""
        if not chunk:
            return chunk
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _grow(self, more: bytes) -> None:
        if isinstance(self._rest, bytes):
            self._rest = bytearray(self._rest)
        self._rest += more
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError("an event is longer than the limit")


def _data(event: bytes) -> bytes | None:
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:] or None
    lines = [
        line[5:].removeprefix(b" ")
        for line in event.split(b"\n")
        if line.startswith(b"data:")
    ]
    return b"\n".join(lines) or None


def event(data: bytes) -> bytes:
    """One event on the wire; `data` holds no line end (JSON without indentation)."""
    return b"data: " + data + b"\n\n"


def passed(
    events: Iterable[bytes], pass_on: Callable[[bytes], bytes], preceded: bool = False
) -> tuple[bytes, ServingError | None]:
    """What becomes of events that came together, up to the first that is an error.

    The error is raised where nothing came before it, here or already (`preceded`);
    else it is to be raised next.
    """
    parts: list[bytes] = []
    for data in events:
        try:
            parts.append(pass_on(data))
        except ServingError as error:
            if not (preceded or any(parts)):
                raise
            return b"".join(parts), error
    return b"".join(parts), None


async def gathered(
    source: AsyncIterator[bytes], interval_s: float
) -> AsyncIterator[bytes]:
    """The same bytes in fewer pieces.

    The first piece goes at once (it is the first token); after that whatever arrives
    within `interval_s` goes together. What arrived before an error is not lost: it
    goes first, then the error is raised.
    """
    pieces: list[bytes] = []
    arrived = asyncio.Event()
    pump = asyncio.create_task(_pump(source, pieces, arrived))
    try:
        while True:
            await arrived.wait()
            if pieces:
                frame = b"".join(pieces)
                pieces.clear()
                arrived.clear()
                yield frame
            if pump.done() and not pieces:
                break
            await asyncio.wait([pump], timeout=interval_s)
            if pump.done():
                arrived.set()
        await pump
    finally:
        pump.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([pump])


async def _pump(
    source: AsyncIterator[bytes], pieces: list[bytes], arrived: asyncio.Event
) -> None:
    try:
        async with aclosing(source) as stream:  # type: ignore[type-var]
            async for piece in stream:
                pieces.append(piece)
                arrived.set()
    finally:
        arrived.set()
