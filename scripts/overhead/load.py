"""The load generator: HTTP/1.1 on bare sockets, every answer verified.

A process of its own: reads a Load as a line of JSON, prints `ready`, begins with the
next line, prints `done`, and writes a Seen as JSON to the file that it was given.
Closed loop: so many connections, each asks again when answered. Open loop: questions
at a fixed rate whatever becomes of them; latency counts from the moment a question was
due, so what waits for a connection is not hidden.
"""

import asyncio
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httptools
import orjson
import uvloop

from scripts.overhead.questions import Questions
from scripts.overhead.wire import CHUNKS, WORD, Load

_DONE = b"data: [DONE]"
_STALLED_S = 60.0
_REFUSED_S = 0.1  # before the next attempt to connect
_MOST_CONNECTIONS = 512  # of an open loop


@dataclass
class Seen:
    """What came of it. `rate`: answers per second, of a closed loop while all of its
    connections were busy."""

    rate: float = 0.0
    latency_ms: list[float] = field(default_factory=list)
    first_token_ms: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def answers(self) -> int:
        return len(self.latency_ms)

    def note(self, error: str) -> None:
        self.errors[error] = self.errors.get(error, 0) + 1


def quantile(values: list[float], share: float) -> float:
    """NaN of nothing; the median for 0.5."""
    if not values:
        return float("nan")
    if share == 0.5:
        return median(values)
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


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


class Generator:
    """Runs one load."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._questions = Questions(load)
        self._seen = Seen()

    async def run(self) -> Seen:
        began = time.perf_counter()
        if self._load.rate is None:
            await self._closed(began + self._load.seconds)
        else:
            await self._open(self._load.rate)
            self._seen.rate = self._seen.answers / (time.perf_counter() - began)
        return self._seen

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._load), "127.0.0.1", self._load.port
        )
        return connection

    async def _ask(self, idle: deque[Connection], due: float) -> None:
        """Over an idle connection, or a new one, which then is idle."""
        while idle and not idle[-1].open:
            idle.pop()
        try:
            connection = idle.pop() if idle else await self._connect()
        except OSError as error:
            self._seen.note(type(error).__name__)
            await asyncio.sleep(_REFUSED_S)
            return
        try:
            async with asyncio.timeout(_STALLED_S):
                fault = await connection.ask(*self._questions.next())
        except TimeoutError:
            fault = f"nothing for {_STALLED_S:g} s"
            connection.close()
        idle.append(connection)
        if fault:
            self._seen.note(fault)
            return
        self._seen.latency_ms.append((time.perf_counter() - due) * 1e3)
        self._seen.first_token_ms.append((connection.first_token_at - due) * 1e3)

    async def _closed(self, until: float) -> None:
        idle: deque[Connection] = deque()

        async def client() -> None:
            while (now := time.perf_counter()) < until:
                await self._ask(idle, now)

        async def count() -> None:
            await asyncio.sleep(until - time.perf_counter())
            self._seen.rate = self._seen.answers / self._load.seconds

        connections, began = self._load.connections, time.perf_counter()
        await asyncio.gather(count(), *(client() for _ in range(connections)))
        if self._seen.rate * self._load.seconds < connections:
            # So slow that not each connection had its answer in time: all have now.
            self._seen.rate = self._seen.answers / (time.perf_counter() - began)
        for connection in idle:
            connection.close()

    async def _open(self, rate: float) -> None:
        idle: deque[Connection] = deque()
        free = asyncio.Semaphore(_MOST_CONNECTIONS)

        async def one(due: float) -> None:
            async with free:
                await self._ask(idle, due)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(round(rate * self._load.seconds)):
                due = began + number / rate
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(one(due))
        for connection in idle:
            connection.close()


def main() -> None:
    generator = Generator(Load(**orjson.loads(sys.stdin.readline())))
    print("ready", flush=True)
    sys.stdin.readline()
    seen = uvloop.run(generator.run())
    print("done", flush=True)
    # Not through the pipe: hundreds of thousands of bytes did not always come whole.
    Path(sys.argv[1]).write_bytes(orjson.dumps(asdict(seen)))


if __name__ == "__main__":
    main()
