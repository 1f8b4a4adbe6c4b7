"""HTTP to any OpenAI-compatible upstream: pooling, timeouts, errors in our words."""

import asyncio
from collections.abc import Mapping

import httpx

from deployments.backends.aiohttp_transport import AiohttpTransport, proxy_of
from deployments.backends.exchange import Outgoing, Reply, Transport
from deployments.backends.http2_reset import reset_streams_closed_early
from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.open_reply import OpenReply
from deployments.backends.patience import Patience, too_slow
from deployments.backends.sse import GATHER_S
from deployments.catalog import Timeouts
from deployments.errors import UpstreamError

_MAX_ANSWER_BYTES = 64 * 2**20
_MAX_CONNECTIONS = 1000

_HEADERS = {
    "accept": "*/*",
    # Compression would hold the tokens of a stream back, and cost us time.
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "avengers-serve",
}


class UpstreamClient:
    """Posts JSON to one base URL; what goes wrong becomes a ServingError."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        http2: bool = False,
        gather_s: float = GATHER_S,
        transport: Transport | None = None,
    ) -> None:
        self._base_url = httpx.URL(base_url)
        self._urls: dict[str, str] = {}  # joined once, not for each request
        own = {name.lower(): value for name, value in headers.items()}
        self._headers = {**_HEADERS, **own}
        if transport is None:
            transport = _transport(self._base_url, http2=http2, gather_s=gather_s)
        self._transport = transport

    @property
    def can_pause(self) -> bool:
        """Whether streams that are opened can be paused."""
        return self._transport.can_pause

    async def get(
        self, path: str, params: Mapping[str, str], key: str | None, timeout_s: float
    ) -> bytes | None:
        """The answer to a GET; None if the upstream knows nothing there."""
        url = str(_under(self._base_url, path).copy_merge_params(params))
        headers, timeouts = self._headers_with(key), Timeouts(total_s=timeout_s)
        outgoing = Outgoing("GET", url, headers, None, timeouts)
        try:
            async with (
                asyncio.timeout(timeout_s),
                OpenReply(self._transport, outgoing) as reply,
            ):
                return await _bounded(reply)
        except (UpstreamError, TimeoutError):
            return None

    async def post(
        self,
        path: str,
        body: bytes,
        timeouts: Timeouts,
        key: str | None = None,
        traceparent: str | None = None,
    ) -> bytes:
        """The whole answer to a POST."""
        outgoing = self._posted(path, body, timeouts, key, traceparent)
        until = asyncio.get_running_loop().time() + timeouts.total_s
        async with OpenReply(self._transport, outgoing) as reply:
            try:
                async with asyncio.timeout_at(until):
                    return await _bounded(reply)
            except TimeoutError:
                raise too_slow("total_s", timeouts.total_s) from None

    def open_stream(  # noqa: PLR0913  (what a request consists of)
        self,
        path: str,
        body: bytes,
        timeouts: Timeouts,
        patience: Patience,
        key: str | None = None,
        traceparent: str | None = None,
    ) -> OpenReply:
        """A context: of a reply with events, its headers waited for with `patience`.
        Leaving it closes the reply."""
        outgoing = self._posted(path, body, timeouts, key, traceparent)
        return OpenReply(self._transport, outgoing, events=patience)

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    def _posted(
        self,
        path: str,
        body: bytes,
        timeouts: Timeouts,
        key: str | None,
        traceparent: str | None,
    ) -> Outgoing:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = str(_under(self._base_url, path))
        headers = self._headers_with(key)
        if traceparent is not None:
            headers["traceparent"] = traceparent
        return Outgoing("POST", url, headers, body, timeouts)

    def _headers_with(self, key: str | None) -> dict[str, str]:
        if key is None:
            return dict(self._headers)
        return {**self._headers, "authorization": f"Bearer {key}"}


def _under(base: httpx.URL, path: str) -> httpx.URL:
    """Appended, whether or not the base ends with a slash: as a relative reference the
    path would take the place of the base's last part. A query of the base stays."""
    return base.copy_with(path=f"{base.path.rstrip('/')}/{path}")


def _transport(url: httpx.URL, *, http2: bool, gather_s: float) -> Transport:
    """The cheapest that does what is needed."""
    proxy = proxy_of(url)
    if not http2 and proxy is None:
        return AiohttpTransport(max_connections=_MAX_CONNECTIONS, gather_s=gather_s)
    if http2:
        reset_streams_closed_early()
    limits = httpx.Limits(
        max_connections=_MAX_CONNECTIONS, max_keepalive_connections=100
    )
    made = httpx.AsyncHTTPTransport(http2=http2, limits=limits, proxy=proxy)
    return HttpxTransport(made)


async def _bounded(reply: Reply) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in reply.chunks():
        size += len(part)
        if size > _MAX_ANSWER_BYTES:
            raise UpstreamError("The upstream's answer is too large.")
        parts.append(part)
    return b"".join(parts)
