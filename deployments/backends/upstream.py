"""HTTP to any OpenAI-compatible upstream: pooling, timeouts, errors in our words."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpcore
import httpx
from h2.exceptions import H2Error

from deployments.backends.aiohttp_transport import PAUSE, AiohttpTransport, proxy_of
from deployments.backends.http2_reset import reset_streams_closed_early
from deployments.backends.patience import too_slow
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

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A stream whose headers have arrived."""

    chunks: AsyncIterator[bytes]
    generation_id: str | None
    pause: Pause | None  # lets more arrive; None: the transport cannot


class UpstreamClient:
    """Posts JSON to one base URL; what goes wrong becomes a ServingError.

    It speaks to httpx's transports themselves: of what AsyncClient does (cookies,
    redirects, authentication, a log line for each request) nothing is wanted here; a
    redirect would carry the key to another host.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        http2: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = httpx.URL(base_url)
        self._urls: dict[str, httpx.URL] = {}  # joined once, not for each request
        self._headers = httpx.Headers({**_HEADERS, **headers})
        self._transport = transport or _transport(self._url, http2=http2)

    @property
    def can_pause(self) -> bool:
        """Whether streams that are opened can be paused."""
        return isinstance(self._transport, AiohttpTransport)

    async def get(
        self, path: str, params: Mapping[str, str], key: str | None, timeout_s: float
    ) -> bytes | None:
        """The answer to a GET; None if the upstream knows nothing there."""
        timeouts = Timeouts(total_s=timeout_s)
        url = self._url.join(path).copy_merge_params(params)
        request = httpx.Request("GET", url, headers=self._headers)
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._answering(request, timeouts, key) as response,
            ):
                return await response.aread()
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
        request = self._posted(path, body, traceparent)
        until = asyncio.get_running_loop().time() + timeouts.total_s
        async with self._answering(request, timeouts, key) as response:
            try:
                async with asyncio.timeout_at(until):
                    return await _bounded(response)
            except TimeoutError:
                raise too_slow("total_s", timeouts.total_s) from None

    @asynccontextmanager
    async def open_stream(
        self,
        path: str,
        body: bytes,
        timeouts: Timeouts,
        key: str | None = None,
        traceparent: str | None = None,
    ) -> AsyncIterator["OpenStream"]:
        """The answer as it arrives; leaving the block closes it."""
        request = self._posted(path, body, traceparent)
        async with self._answering(request, timeouts, key) as response:
            kind = response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise UpstreamError("The upstream did not answer with an event stream.")
            yield OpenStream(
                _body(response),
                _generation_id(response),
                response.extensions.get(PAUSE),
            )

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    def _posted(self, path: str, body: bytes, traceparent: str | None) -> httpx.Request:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._url.join(path)
        request = httpx.Request("POST", url, headers=self._headers, content=body)
        if traceparent is not None:
            request.headers["traceparent"] = traceparent
        return request

    @asynccontextmanager
    async def _answering(
        self, request: httpx.Request, timeouts: Timeouts, key: str | None
    ) -> AsyncIterator[httpx.Response]:
        # Waiting for bytes is timed where events are known: see Patience.
        total_s, connect_s = timeouts.total_s, timeouts.connect_s
        limits = {"connect": connect_s, "pool": connect_s}
        request.extensions["timeout"] = {**limits, "read": total_s, "write": total_s}
        if key is not None:
            request.headers["authorization"] = f"Bearer {key}"
        try:
            response = await self._transport.handle_async_request(request)
        except _FAILURES as error:
            raise _translated(error) from None
        try:
            if response.status_code != httpx.codes.OK:
                raise status_error(response)
            yield response
        # Whatever fails from here on may have been charged: say under which id.
        except ServingError as error:
            error.generation_id = _generation_id(response)
            raise
        except _FAILURES as error:
            failure = _translated(error)
            failure.generation_id = _generation_id(response)
            raise failure from None
        finally:
            await response.aclose()


def _transport(url: httpx.URL, *, http2: bool) -> httpx.AsyncBaseTransport:
    """The cheapest that does what is needed."""
    proxy = proxy_of(url)
    if not http2 and proxy is None:
        return AiohttpTransport(max_connections=_MAX_CONNECTIONS)
    if http2:
        reset_streams_closed_early()
    limits = httpx.Limits(
        max_connections=_MAX_CONNECTIONS, max_keepalive_connections=100
    )
    return httpx.AsyncHTTPTransport(http2=http2, limits=limits, proxy=proxy)


def _translated(error: Exception) -> ServingError:
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeout("The upstream did not answer in time.")
    kind = type(error).__name__
    return UpstreamError(f"The connection to the upstream failed ({kind}).")


def _generation_id(response: httpx.Response) -> str | None:
    """OpenRouter's id of the answer, which comes with the headers."""
    value: str | None = response.headers.get("x-generation-id")
    return value


def _body(response: httpx.Response) -> AsyncIterator[bytes]:
    """What arrives, as it arrives; httpx's own way, with its decoders, takes several
    times as long and is for those who compress though it was not asked for."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    return aiter(stream)


async def _bounded(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in _body(response):
        size += len(part)
        if size > _MAX_ANSWER_BYTES:
            raise UpstreamError("The upstream's answer is too large.")
        parts.append(part)
    return b"".join(parts)
