"""One connection of the load generator: it asks, and verifies what is answered."""

import asyncio
import time
from typing import Any

import httptools

from scripts.overhead.wire import CHUNKS, WORD, Load

_DONE = b"data: [DONE]"


class Connection(asyncio.Protocol):
    """Asks one question at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._done: asyncio.Future[str] | None = None
        self._closed = False
        self.first_token_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        self._end("connection lost")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end("not HTTP")
            self._transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += b"%s: %s\n" % (name.lower(), value)

    def on_body(self, body: bytes) -> None:
        if not self.first_token_at and WORD in body:
            self.first_token_at = time.perf_counter()
        self._parts.append(body)

    def on_message_complete(self) -> None:
        self._end(self._fault(b"".join(self._parts)))

    @property
    def open(self) -> bool:
        return not self._closed

    def ask(self, request: bytes, mark: bytes) -> "asyncio.Future[str]":
        """What is wrong with the answer; nothing if it is right."""
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._head = b""
        self._mark = mark
        self.first_token_at = 0.0
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._done

    def close(self) -> None:
        self._transport.close()

    def _end(self, fault: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(fault)

    def _fault(self, body: bytes) -> str:
        if (status := self._parser.get_status_code()) != 200:
            return f"status {status}"
        if body.count(WORD) != CHUNKS:
            return f"{body.count(WORD)} of {CHUNKS} tokens"
        if self._mark not in body:
            return "another question's answer"
        if self._load.stream and not body.rstrip().endswith(_DONE):
            return "no [DONE]"
        if must_say := self._load.must_say:
            return "" if must_say.encode() in self._head else f"not {must_say}"
        return ""
