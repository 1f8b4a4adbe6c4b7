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
from dataclasses import asdict
from pathlib import Path

import orjson
import uvloop

from scripts.overhead.asking import Connection
from scripts.overhead.questions import Questions
from scripts.overhead.seen import Seen
from scripts.overhead.wire import Load

_STALLED_S = 60.0
_REFUSED_S = 0.1  # before the next attempt to connect
_MOST_CONNECTIONS = 512  # of an open loop


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
