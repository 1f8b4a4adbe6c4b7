"""HTTP/1.1 by aiohttp, at a fraction of httpcore's cost (`scripts/bench/transports`):
its parser is C, and its pool does not look at every idle connection for each request.

Its errors are told as httpx's, like those of every other transport.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
import httpx
import yarl
from aiohttp.http_exceptions import HttpProcessingError

from deployments.backends.exchange import Outgoing, Reply
from deployments.backends.sse import GATHER_S
from deployments.backends.ticks import Ticks
from deployments.catalog import Timeouts

# A connection that the upstream has closed leaves the pool when the loop sees that: it
# is let look, so that no request goes out on one that is known to be closed.
_LOOKS = 2
# Theirs would be added to those that are sent.
_NO_HEADERS_OF_ITS_OWN = ("user-agent", "accept", "accept-encoding", "content-type")


def proxy_of(url: httpx.URL) -> str | None:
    """The proxy that the environment names for an address, if any; without a scheme
    it is one of HTTP, as curl and pip have it."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy is None or proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class AiohttpTransport:
    """One pool of connections; nothing of a reply is kept for the next request.

    Replies that pause wait for the same ticks, `gather_s` apart.
    """

    can_pause = True

    def __init__(self, *, max_connections: int, gather_s: float = GATHER_S) -> None:
        self._max_connections = max_connections
        self._ticks = Ticks(gather_s)
        self._session: aiohttp.ClientSession | None = None
        self._watched: WeakSet[asyncio.Future[None]] = WeakSet()
        # The last ones: requests one after the other mostly have the same.
        self._url: tuple[str, yarl.URL] | None = None
        self._timeout: tuple[Timeouts, aiohttp.ClientTimeout] | None = None

    async def send(self, outgoing: Outgoing) -> Reply:
        """The reply whose headers have arrived."""
        session = self._session or self._open(outgoing.url)
        for _ in range(_LOOKS):
            await asyncio.sleep(0)
        try:
            response = await session.request(
                outgoing.method,
                self._yarl(outgoing.url),
                headers=outgoing.headers,
                data=outgoing.body,
                allow_redirects=False,
                timeout=self._timeout_of(outgoing.timeouts),
            )
        except _FAILURES as error:
            raise _translated(error) from None
        return _AiohttpReply(response, self._watched, self._ticks)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _yarl(self, url: str) -> yarl.URL:
        if self._url is None or self._url[0] != url:
            self._url = url, yarl.URL(url, encoded=True)
        return self._url[1]

    def _timeout_of(self, timeouts: Timeouts) -> aiohttp.ClientTimeout:
        if self._timeout is None or self._timeout[0] is not timeouts:
            self._timeout = timeouts, _timeout(timeouts)
        return self._timeout[1]

    def _open(self, url: str) -> aiohttp.ClientSession:
        """Made late: it belongs to the loop that runs."""
        tls: ssl.SSLContext | bool = True
        if url.startswith("https:"):
            tls = httpx.create_ssl_context()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, ssl=tls),
            cookie_jar=aiohttp.DummyCookieJar(),  # tenants share the connections
            skip_auto_headers=_NO_HEADERS_OF_ITS_OWN,
        )
        return self._session


class _AiohttpReply:
    def __init__(
        self,
        response: aiohttp.ClientResponse,
        watched: "WeakSet[asyncio.Future[None]]",
        ticks: Ticks,
    ) -> None:
        self._response = response
        self._ticks = ticks
        self._tick: asyncio.Future[None] | None = None
        self.status = response.status
        # Of framing that makes no sense aiohttp tells the connection only.
        connection = response.connection
        protocol = None if connection is None else connection.protocol
        self._closed = None if protocol is None else protocol.closed
        if self._closed is not None:
            self._closed.add_done_callback(self._connection_closed)
            if self._closed not in watched:
                watched.add(self._closed)
                self._closed.add_done_callback(_seen)

    def _connection_closed(self, _: object) -> None:
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("not HTTP"))
        self._end_pause()

    def _end_pause(self) -> None:
        if self._tick is not None and not self._tick.done():
            self._tick.set_result(None)

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    async def chunks(self) -> AsyncIterator[bytes]:
        content = self._response.content
        try:
            while part := await content.readany():
                yield part
        except (aiohttp.ClientError, HttpProcessingError) as error:
            # What arrived before it broke; aiohttp would tell of the error alone.
            content.set_exception(None)  # type: ignore[arg-type]
            if part := content.read_nowait():
                yield part
            raise _translated(error) from None
        except _FAILURES as error:
            raise _translated(error) from None

    async def pause(self) -> None:
        """Let what arrives gather; what ends the response is told by the next read."""
        content = self._response.content
        if content.is_eof() or content.exception() is not None:
            return
        if self._tick is None:
            content.on_eof(self._end_pause)
        self._tick = self._ticks.next()
        await self._tick

    async def close(self) -> None:
        if self._closed is not None:
            self._closed.remove_done_callback(self._connection_closed)
        # A connection with the rest of an answer on it is not used again.
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


def _seen(closed: "asyncio.Future[None]") -> None:
    """That an idle connection broke is no news, nor an error that nobody heard of."""
    if not closed.cancelled():
        closed.exception()


def _timeout(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None,
        connect=timeouts.connect_s,
        sock_connect=timeouts.connect_s,
        sock_read=timeouts.total_s,
    )


_FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError)


def _translated(error: Exception) -> httpx.HTTPError:
    """aiohttp's errors in httpx's words."""
    said = type(error).__name__
    if isinstance(error, aiohttp.ServerTimeoutError | TimeoutError):
        return httpx.ReadTimeout(said)
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(said)
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return httpx.UnsupportedProtocol(said)
    # The connection broke, or what came on it is not HTTP.
    return httpx.RemoteProtocolError(said)
