"""HTTP to any OpenAI-compatible upstream: pooling, timeouts, errors in our words."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from deployments.catalog import Timeouts
from deployments.errors import UpstreamError, UpstreamTimeout
from deployments.patience import too_slow
from deployments.upstream_errors import status_error

_MAX_ANSWER_BYTES = 64 * 2**20


class UpstreamClient:
    """Posts JSON to one base URL; what goes wrong becomes a ServingError."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={**headers, "content-type": "application/json"},
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100),
            http2=True,
            transport=transport,
            # A redirect would carry the key to another host.
            follow_redirects=False,
        )

    async def get(
        self, path: str, params: Mapping[str, str], key: str | None, timeout_s: float
    ) -> bytes | None:
        """The answer to a GET; None if the upstream knows nothing there."""
        timeouts = Timeouts(total_s=timeout_s)
        request = self._client.build_request("GET", path, params=dict(params))
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._answering(request, timeouts, key) as response,
            ):
                return await response.aread()
        except (UpstreamError, TimeoutError):
            return None

    async def post(
        self, path: str, body: bytes, timeouts: Timeouts, key: str | None = None
    ) -> bytes:
        """The whole answer to a POST."""
        request = self._client.build_request("POST", path, content=body)
        try:
            async with (
                asyncio.timeout(timeouts.total_s),
                self._answering(request, timeouts, key) as response,
            ):
                return await _bounded(response)
        except TimeoutError:
            raise too_slow("total_s", timeouts.total_s) from None

    async def post_stream(
        self, path: str, body: bytes, timeouts: Timeouts, key: str | None = None
    ) -> AsyncIterator[bytes]:
        """The answer as it arrives; the connection closes when the iterator does."""
        request = self._client.build_request("POST", path, content=body)
        async with self._answering(request, timeouts, key) as response:
            kind = response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise UpstreamError("The upstream did not answer with an event stream.")
            async for chunk in response.aiter_bytes():
                yield chunk

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _answering(
        self, request: httpx.Request, timeouts: Timeouts, key: str | None
    ) -> AsyncIterator[httpx.Response]:
        # Waiting for bytes is timed where events are known: see Patience.
        limits = httpx.Timeout(
            timeouts.total_s, connect=timeouts.connect_s, pool=timeouts.connect_s
        )
        request.extensions["timeout"] = limits.as_dict()
        if key is not None:
            request.headers["authorization"] = f"Bearer {key}"
        try:
            response = await self._client.send(request, stream=True)
            try:
                if response.status_code != httpx.codes.OK:
                    raise status_error(response)
                yield response
            finally:
                await response.aclose()
        except httpx.TimeoutException:
            raise UpstreamTimeout("The upstream did not answer in time.") from None
        except httpx.HTTPError as error:
            kind = type(error).__name__
            what = f"The connection to the upstream failed ({kind})."
            raise UpstreamError(what) from None


async def _bounded(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > _MAX_ANSWER_BYTES:
            raise UpstreamError("The upstream's answer is too large.")
        parts.append(part)
    return b"".join(parts)
