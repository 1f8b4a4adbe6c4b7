"""How slowly a client reads says nothing about the upstream."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.openrouter import OpenRouterBackend, UpstreamConfig
from deployments.backends.vllm import VLLMBackend
from deployments.catalog import Timeouts
from deployments.errors import UpstreamTimeout
from deployments.protocol.backend import BackendRequest, settlement_of

_READS_S = 0.3
IMPATIENT = [
    Timeouts(first_token_s=5, between_tokens_s=0.15, total_s=5),
    Timeouts(first_token_s=5, between_tokens_s=5, total_s=0.4),
]


def event(text: str) -> str:
    choices = [{"index": 0, "delta": {"content": text}}]
    return f"data: {json.dumps({'model': 'them/theirs', 'choices': choices})}\n\n"


DONE = "data: [DONE]\n\n"


class Upstream(httpx.AsyncByteStream):
    """Each piece a moment after the one before; None: no more, and no end."""

    def __init__(self, *pieces: str | None) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self.answers():
            yield piece.encode()

    async def answers(self, *_: Any) -> AsyncIterator[str]:
        """So a vLLM engine streams them."""
        for piece in self._pieces:
            await asyncio.sleep(0.01 if piece else 3600)
            if piece:
                yield piece


def openrouter(upstream: Upstream) -> OpenRouterBackend:
    kind = {"content-type": "text/event-stream"}
    response = httpx.Response(200, headers=kind, stream=upstream)
    transport = HttpxTransport(httpx.MockTransport(lambda _: response))
    config = UpstreamConfig(base_url="http://upstream/v1/")
    return OpenRouterBackend(config, None, transport=transport)


def vllm(upstream: Upstream) -> VLLMBackend:
    return VLLMBackend(upstream, served_model="them/theirs", max_model_len=2048)


async def read_slowly(made: Any, timeouts: Timeouts) -> int:
    body = b'{"messages": []}'
    request = BackendRequest("r", "ours", "them/theirs", body, timeouts=timeouts)
    n = 0
    async for item in made.stream(request):
        n += 1
        if isinstance(item, bytes):
            await asyncio.sleep(_READS_S)
        else:
            assert settlement_of(item)
    return n


@pytest.mark.parametrize("timeouts", IMPATIENT)
@pytest.mark.parametrize("backend", [openrouter, vllm])
async def test_who_reads_slowly_makes_no_upstream_late(backend, timeouts):
    upstream = Upstream(event("a"), event("b"), event("c"), DONE)

    assert await read_slowly(backend(upstream), timeouts) >= 4


@pytest.mark.parametrize("timeouts", IMPATIENT)
@pytest.mark.parametrize("backend", [openrouter, vllm])
async def test_an_upstream_that_falls_silent_is_late_whoever_reads(backend, timeouts):
    upstream = Upstream(event("a"), None)

    with pytest.raises(UpstreamTimeout):
        await read_slowly(backend(upstream), timeouts)
