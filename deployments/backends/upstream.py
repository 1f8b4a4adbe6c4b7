"""HTTP to any OpenAI-compatible upstream: pooling, timeouts, errors in our words."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType

import httpcore
import httpx
from h2.exceptions import H2Error

from deployments.backends.aiohttp_transport import AiohttpTransport, proxy_of
from deployments.backends.exchange import Outgoing, Reply, Transport
from deployments.backends.http2_reset import reset_streams_closed_early
from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.patience import Patience, too_slow
from deployments.backends.upstream_errors import status_error
from deployments.catalog import Timeouts
from deployments.errors import ServingError, UpstreamError, UpstreamTimeout

_MAX_ANSWER_BYTES = 64 * 2**20
_MAX_CONNECTIONS = 1000

_HEADERS = {
    "accept": "*/*",
    # Compression would hold the tokens of a stream back, and cost us time.
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "avengers-serve",
}

# Some escape httpx while a body is read: h2's own errors, those of the socket, and
# httpcore's for an answer that a GOAWAY disowns.
_FAILURES = (httpx.HTTPError, httpcore.ConnectionNotAvailable, H2Error, OSError)


class UpstreamClient:
    """Posts JSON to one base URL; what goes wrong becomes a ServingError."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        http2: bool = False,
        transport: Transport | None = None,
    ) -> None:
        self._base_url = httpx.URL(base_url)
        self._urls: dict[str, str] = {}  # joined once, not for each request
        own = {name.lower(): value for name, value in headers.items()}
        self._headers = {**_HEADERS, **own}
        self._transport = transport or _transport(self._base_url, http2=http2)

    @property
    def can_pause(self) -> bool:
        """Whether streams that are opened can be paused."""
        return self._transport.can_pause

    async def get(
        self, path: str, params: Mapping[str, str], key: str | None, timeout_s: float
    ) -> bytes | None:
        """The answer to a GET; None if the upstream knows nothing there."""
        url = str(self._base_url.join(path).copy_merge_params(params))
        headers, timeouts = self._headers_with(key), Timeouts(total_s=timeout_s)
        outgoing = Outgoing("GET", url, headers, None, timeouts)
        try:
            async with (
                asyncio.timeout(timeout_s),
                _Exchange(self._transport, outgoing) as reply,
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
        async with _Exchange(self._transport, outgoing) as reply:
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
    ) -> "_Exchange":
        """A context: of a reply with events, its headers waited for with `patience`.
        Leaving it closes the reply."""
        outgoing = self._posted(path, body, timeouts, key, traceparent)
        return _Exchange(self._transport, outgoing, events=patience)

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
            url = self._urls[path] = str(self._base_url.join(path))
        headers = self._headers_with(key)
        if traceparent is not None:
            headers["traceparent"] = traceparent
        return Outgoing("POST", url, headers, body, timeouts)

    def _headers_with(self, key: str | None) -> dict[str, str]:
        if key is None:
            return dict(self._headers)
        return {**self._headers, "authorization": f"Bearer {key}"}


class _Exchange:
    """The context of one reply; of one with events if `events` waits for it.

    There is one for each request, and a generator's context would cost several times
    this.
    """

    __slots__ = ("_events", "_outgoing", "_reply", "_transport")

    def __init__(
        self, transport: Transport, outgoing: Outgoing, events: Patience | None = None
    ) -> None:
        self._transport = transport
        self._outgoing = outgoing
        self._events = events

    async def __aenter__(self) -> Reply:
        try:
            if self._events is None:
                reply = await self._transport.send(self._outgoing)
            else:
                async with self._events.waiting():
                    reply = await self._transport.send(self._outgoing)
        except _FAILURES as error:
            raise _translated(error) from None
        self._reply = reply
        if unwanted := self._unwanted(reply):
            unwanted.generation_id = generation_id(reply)
            await reply.close()
            raise unwanted
        return reply

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # Whatever fails from here on may have been charged: say under which id.
            if isinstance(error, ServingError):
                error.generation_id = generation_id(self._reply)
            elif isinstance(error, _FAILURES):
                failure = _translated(error)
                failure.generation_id = generation_id(self._reply)
                raise failure from None
        finally:
            await self._reply.close()

    def _unwanted(self, reply: Reply) -> ServingError | None:
        if reply.status != HTTPStatus.OK:
            return status_error(reply)
        kind = reply.header("content-type") or ""
        if self._events is not None and not kind.startswith("text/event-stream"):
            return UpstreamError("The upstream did not answer with an event stream.")
        return None


def _transport(url: httpx.URL, *, http2: bool) -> Transport:
    """The cheapest that does what is needed."""
    proxy = proxy_of(url)
    if not http2 and proxy is None:
        return AiohttpTransport(max_connections=_MAX_CONNECTIONS)
    if http2:
        reset_streams_closed_early()
    limits = httpx.Limits(
        max_connections=_MAX_CONNECTIONS, max_keepalive_connections=100
    )
    made = httpx.AsyncHTTPTransport(http2=http2, limits=limits, proxy=proxy)
    return HttpxTransport(made)


def _translated(error: Exception) -> ServingError:
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeout("The upstream did not answer in time.")
    kind = type(error).__name__
    return UpstreamError(f"The connection to the upstream failed ({kind}).")


def generation_id(reply: Reply) -> str | None:
    """OpenRouter's id of the answer, which comes with the headers."""
    return reply.header("x-generation-id")


async def _bounded(reply: Reply) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in reply.chunks():
        size += len(part)
        if size > _MAX_ANSWER_BYTES:
            raise UpstreamError("The upstream's answer is too large.")
        parts.append(part)
    return b"".join(parts)
