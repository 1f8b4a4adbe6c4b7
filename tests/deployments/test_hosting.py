"""Router and backend in one's own process: unforeseen errors become ours."""

import warnings
from collections.abc import AsyncIterator

import pytest

from deployments.errors import RateLimited, RoutingUnavailable, UpstreamError
from deployments.protocol import BackendRequest, RouteQuery, Settlement
from tests.fakes import SETTLEMENT, FixedRouter, ScriptedBackend

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
