"""HTTP to any OpenAI-compatible upstream: pooling, timeouts, errors in our words."""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from pydantic import BaseModel, ConfigDict, Field

from deployments.errors import (
    InvalidRequest,
    RateLimited,
    ServingError,
    UpstreamError,
    UpstreamTimeout,
)


class UpstreamTimeouts(BaseModel):
    """How long to wait for an upstream, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_s: float = Field(default=5.0, gt=0)
    read_s: float = Field(
        default=120.0, gt=0, description="for the first byte and between bytes"
    )


class UpstreamClient:
    """Posts JSON to one base URL; what goes wrong becomes a ServingError."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        timeouts: UpstreamTimeouts,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={**headers, "content-type": "application/json"},
            timeout=httpx.Timeout(
                timeouts.read_s, connect=timeouts.connect_s, pool=timeouts.connect_s
            ),
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100),
            http2=True,
            transport=transport,
            # A redirect would carry the key to another host.
            follow_redirects=False,
        )

    async def post(self, path: str, body: bytes) -> bytes:
        """The whole answer to a POST."""
        async with self._answering(path, body) as response:
            return await response.aread()

    async def post_stream(self, path: str, body: bytes) -> AsyncIterator[bytes]:
        """The answer as it arrives; the connection closes when the iterator does."""
        async with self._answering(path, body) as response:
            kind = response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise UpstreamError("The upstream did not answer with an event stream.")
            async for chunk in response.aiter_bytes():
                yield chunk

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _answering(self, path: str, body: bytes) -> AsyncIterator[httpx.Response]:
        try:
            async with self._client.stream("POST", path, content=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise status_error(response)
                yield response
        except httpx.TimeoutException:
            raise UpstreamTimeout("The upstream did not answer in time.") from None
        except httpx.HTTPError as error:
            kind = type(error).__name__
            what = f"The connection to the upstream failed ({kind})."
            raise UpstreamError(what) from None


def status_error(response: httpx.Response) -> ServingError:
    """An upstream's status in our words; its message may quote the prompt, so no."""
    status = response.status_code
    if status in {400, 413, 422}:
        return InvalidRequest(
            f"The upstream refused the request (status {status}).",
            code="upstream_refused",
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(
            "The upstream's rate limit is reached.",
            code="upstream_rate_limit",
            retry_after_s=_retry_after_s(response),
        )
    if status in {408, 504}:
        return UpstreamTimeout(f"The upstream timed out (status {status}).")
    return UpstreamError(f"The upstream failed (status {status}).")


def _retry_after_s(response: httpx.Response) -> float | None:
    try:
        seconds = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
