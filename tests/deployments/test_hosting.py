"""Router and backend in one's own process: unforeseen errors become ours."""

import asyncio
import warnings
from collections.abc import AsyncIterator

import pytest

from deployments.errors import RateLimited, RoutingUnavailable, UpstreamError
from deployments.protocol.backend import BackendRequest, Settlement
from deployments.protocol.routing import RouteQuery
from deployments.routing.cached_embedder import CachedEmbedder, RouterConfig
from deployments.routing.router import Router
from tests.fakes import SETTLEMENT, FixedRouter, ScriptedBackend
from tests.topic_artifacts import GatedEmbedder, topic_artifact

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    from deployments.hosting import HostedBackend, HostedRouter

REQUEST = BackendRequest("r", "m", "them/m", b"{}")


class Broken(FixedRouter):
    """Has a mistake in it."""

    async def route(self, queries):
        raise IndexError("mistake")


class Endless(ScriptedBackend):
    """Streams until it is left, and remembers that it was."""

    left = False

    async def stream(self, request) -> AsyncIterator[bytes | Settlement]:
        try:
            while True:
                yield b"data: {}\n\n"
        finally:
            self.left = True


async def test_a_mistake_in_the_router_is_routing_that_is_unavailable():
    with pytest.raises(RoutingUnavailable, match="The router failed"):
        await HostedRouter(Broken()).route([RouteQuery("q", 0.5)])


async def test_a_burst_that_was_given_up_does_not_delay_who_asks_next():
    embedder = GatedEmbedder()
    cached = CachedEmbedder(embedder, RouterConfig(embed_concurrency=1))
    hosted = HostedRouter(Router(cached, topic_artifact()))
    burst = [
        asyncio.ensure_future(hosted.route([RouteQuery(f"{i}", 1)])) for i in range(300)
    ]
    await embedder.asked.wait()
    under_way = list(embedder.embedded)
    for asking in burst:
        asking.cancel()
    await asyncio.wait(burst)
    embedder.gate.set()
    routes = await hosted.route([RouteQuery("fresh", 1)])

    assert routes.decisions[0].ranking[0] == "coder"
    assert len(under_way) < len(burst)
    assert embedder.embedded == [*under_way, "fresh"]


@pytest.mark.parametrize(
    ("raised", "told"),
    [(IndexError("mistake"), UpstreamError), (RateLimited("slow"), RateLimited)],
)
async def test_a_mistake_in_a_backend_is_an_upstream_error(raised, told):
    hosted = HostedBackend(ScriptedBackend({"m": raised}), "fake")

    with pytest.raises(told):
        await hosted.complete(REQUEST)
    with pytest.raises(told):
        await anext(hosted.stream(REQUEST))


async def test_a_stream_passes_and_ends_with_its_settlement():
    items = [
        item async for item in HostedBackend(ScriptedBackend(), "f").stream(REQUEST)
    ]

    assert items[-1] is SETTLEMENT
    assert len(items) == 2


async def test_leaving_a_stream_ends_the_backend_s():
    backend = Endless()
    stream = HostedBackend(backend, "fake").stream(REQUEST)
    await anext(stream)
    await stream.aclose()

    assert backend.left
