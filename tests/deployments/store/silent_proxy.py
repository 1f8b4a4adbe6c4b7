"""Between a driver and its server: what was connected before can fall silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_READ_AT_ONCE = 2**16


class SilentProxy:
    """As a node that has died, or a network that drops packets: nothing is refused."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._alive = self._awake()
        self._pumps: set[asyncio.Task[None]] = set()

    def fall_silent(self) -> None:
        """To all that are connected; who connects from now on is answered."""
        self._alive.clear()
        self._alive = self._awake()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """On which port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    @staticmethod
    def _awake() -> asyncio.Event:
        event = asyncio.Event()
        event.set()
        return event

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        theirs = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink in ((reader, theirs[1]), (theirs[0], writer)):
            self._pumps.add(asyncio.create_task(self._pump(source, sink)))

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        alive = self._alive
        try:
            while data := await source.read(_READ_AT_ONCE):
                await alive.wait()
                sink.write(data)
            await alive.wait()
        finally:
            sink.close()
