"""A client of our HTTP surface on a real Gateway, without Ray."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp

from serve_app.http.api import build_api
from tests.fakes import gateway

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "tell me a secret"}]


@asynccontextmanager
async def asking(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Asks an application with the tenant's key."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers={"authorization": "Bearer sk-av-t"},
    ) as made:
        yield made


@asynccontextmanager
async def client(
    router=None, backend=None, **config
) -> AsyncIterator[httpx.AsyncClient]:
    """Of a Gateway that `config` changes."""
    async with asking(build_api(gateway(router, backend, **config))) as made:
        yield made
