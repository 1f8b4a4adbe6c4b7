"""The listening socket: TLS or not, HTTP/1.1 or HTTP/2 on the same port."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import cast

from scripts.upstream.exchange import Answer, Pipe
from scripts.upstream.http1 import Http1Connection
from scripts.upstream.http2 import PREFACE, Http2Connection


class Connection(asyncio.Protocol):
    """Finds out from the first bytes (or from ALPN) which HTTP the client speaks."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._http: Http1Connection | Http2Connection | None = None
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._pipe = Pipe(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._http is None:
            self._first += data
            start = self._first[: len(PREFACE)]
            if not PREFACE.startswith(start):
                self._http = Http1Connection(self._pipe, self._answer)
            elif start == PREFACE:
                self._http = Http2Connection(self._pipe, self._answer)
            else:
                return
            data, self._first = self._first, b""
        self._http.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop."""
        self._pipe.lose()
        if self._http is not None:
            self._http.lost()

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self._pipe.pause()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._pipe.resume()


class Listener:
    """Serves on 127.0.0.1 until it is closed."""

    def __init__(self, server: asyncio.Server, scheme: str) -> None:
        self._server = server
        port = server.sockets[0].getsockname()[1]
        self.url = f"{scheme}://127.0.0.1:{port}"

    @classmethod
    async def open(
        cls, answer: Answer, *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> "Listener":
        """Listens; port 0 = any that is free."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(answer), "127.0.0.1", port, ssl=tls, backlog=1024
        )
        return cls(server, "https" if tls else "http")

    async def close(self) -> None:
        """Takes no more connections and ends the tasks of the others."""
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def listening(answer: Answer, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A listener in a thread of its own; yields its address."""
    ready, stop = Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    urls: list[str] = []

    async def serve() -> None:
        listener = await Listener.open(answer, tls=tls)
        loops.append(asyncio.get_running_loop())
        urls.append(listener.url)
        ready.set()
        await stop.wait()
        await listener.close()

    thread = Thread(target=asyncio.run, args=(serve(),), name="upstream")
    thread.start()
    try:
        if not ready.wait(10):
            raise RuntimeError("the upstream did not start")
        yield urls[0]
    finally:
        if loops:
            loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)
