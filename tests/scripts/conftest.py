"""A fault upstream on 127.0.0.1 for each test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from scripts.upstream.api import Upstream
from scripts.upstream.listener import Listener
from scripts.upstream.settings import ModelSettings, Settings

SETTINGS = Settings(
    default=ModelSettings(
        completion_tokens=8, input_usd_per_token=0.001, output_usd_per_token=0.01
    )
)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream(SETTINGS)


@pytest.fixture
async def client(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP/1.1; a `Bearer` key is sent with every request."""
    async with client_of(upstream, http2=False) as client:
        yield client


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
async def each_client(
    request: pytest.FixtureRequest, upstream: Upstream
) -> AsyncIterator[httpx.AsyncClient]:
    """The same; and HTTP/2 without TLS, by prior knowledge."""
    async with client_of(upstream, http2=request.param == "HTTP/2") as client:
        yield client


@asynccontextmanager
async def client_of(
    upstream: Upstream, *, http2: bool
) -> AsyncIterator[httpx.AsyncClient]:
    """Of a listener that is open as long; HTTP/2 by prior knowledge."""
    listener = await Listener.open(upstream)
    headers = {"authorization": "Bearer key"}
    async with httpx.AsyncClient(
        base_url=listener.url, headers=headers, http1=not http2, http2=http2
    ) as client:
        yield client
    await listener.close()
