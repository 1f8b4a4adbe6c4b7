"""httpx's transports: HTTP/2, proxies, and those that tests make."""

from collections.abc import AsyncIterator

import httpx

from deployments.backends.exchange import Outgoing, Reply


class HttpxTransport:
    """Speaks to one of httpx's transports itself: of what AsyncClient does (cookies,
    redirects, authentication, a log line for each request) nothing is wanted here; a
    redirect would carry the key to another host.
    """

    can_pause = False

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(self, outgoing: Outgoing) -> Reply:
        """The reply whose headers have arrived."""
        connect_s, total_s = outgoing.timeouts.connect_s, outgoing.timeouts.total_s
        limits = {"connect": connect_s, "pool": connect_s}
        request = httpx.Request(
            outgoing.method,
            outgoing.url,
            headers=dict(outgoing.headers),
            content=outgoing.body,
            extensions={"timeout": {**limits, "read": total_s, "write": total_s}},
        )
        return _HttpxReply(await self._transport.handle_async_request(request))

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


class _HttpxReply:
    pause = None

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code

    def header(self, name: str) -> str | None:
        value: str | None = self._response.headers.get(name)
        return value

    def chunks(self) -> AsyncIterator[bytes]:
        """httpx's own way, with its decoders, takes several times as long and is for
        those who compress though it was not asked for."""
        if "content-encoding" in self._response.headers:
            return self._response.aiter_bytes()
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        return aiter(stream)

    async def close(self) -> None:
        await self._response.aclose()
