"""HTTP/1.1, written by hand: a proper library would write no wrong bytes."""

import asyncio
from http import HTTPStatus

import httptools

from scripts.upstream.exchange import Answer, Pipe, Request


class Http1Connection:
    """Reads requests one after another; each is answered by a task."""

    def __init__(self, pipe: Pipe, answer: Answer) -> None:
        self._pipe = pipe
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._task: asyncio.Task[None] | None = None
        self._clear()

    def feed(self, data: bytes) -> None:
        """Bytes from the client; nonsense ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._pipe.close()

    def lost(self) -> None:
        """The connection is gone, and with it whoever waits for an answer."""
        if self._task:
            self._task.cancel()

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self._target += url.decode("ascii", "replace")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self._pipe.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser. Answers go out in the order of the requests."""
        method = self._parser.get_method().decode("ascii")
        request = Request(method, self._target, self._headers, b"".join(self._body))
        exchange = Http1Exchange(self._pipe, request)
        self._task = asyncio.ensure_future(self._run(self._task, exchange))
        self._clear()

    async def _run(
        self, previous: asyncio.Task[None] | None, exchange: "Http1Exchange"
    ) -> None:
        if previous and not previous.done():
            await previous
        await self._answer(exchange)

    def _clear(self) -> None:
        self._target = ""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []


class Http1Exchange:
    """Answers in chunked coding, unless the head states a length."""

    protocol = "HTTP/1.1"
    gone_away = False  # there is no such thing

    def __init__(self, pipe: Pipe, request: Request) -> None:
        self.request = request
        self._pipe = pipe
        self._chunked = False
        self._last = False

    async def start(self, status: int, headers: dict[str, str]) -> None:
        self._chunked = "content-length" not in headers
        if self._chunked:
            headers = {**headers, "transfer-encoding": "chunked"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        reason = HTTPStatus(status).phrase
        self._pipe.write(f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1"))

    async def send(self, data: bytes) -> None:
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._pipe.write(data)
        await self._pipe.drain()

    async def finish(self) -> None:
        if self._chunked:
            self._pipe.write(b"0\r\n\r\n")
        if self._last:
            self._pipe.close()

    def close(self, *, reset: bool) -> None:
        self._pipe.close(reset=reset)

    def reset_stream(self) -> None:
        self._pipe.close(reset=True)

    def break_framing(self) -> None:
        # In the place of a chunk's size, or of a status line.
        self._pipe.write(b"no such size\r\n\r\n")
        self._pipe.close()

    def go_away(self, *, abrupt: bool) -> None:
        if abrupt:
            self._pipe.close()
        self._last = True
