"""Places for parallel requests: free again whatever becomes of who has one."""

import asyncio

import pytest

from deployments.errors import RateLimited, UpstreamError
from deployments.limits.ledger_protocol import Resource
from tests.fakes import ScriptedBackend
from tests.serve_app.access.limited_tenant import BUDGET, PLACES_OF_KEY, PRICES, World


async def test_the_place_that_was_taken_before_another_limit_refuses_is_free_again():
    world = World(rpm_limit=1, key={"max_parallel_requests": 2})
    assert (await world.ask()).status_code == 200
    assert (await world.ask()).status_code == 429

    assert world.reserved(PLACES_OF_KEY) == 0


async def test_what_finds_no_place_takes_nothing_of_the_rate():
    world = World(Hanging(), rpm_limit=10, max_parallel_requests=1)
    asking = asyncio.create_task(world.gateway.completions.complete(await world.call()))
    await world.backend.begun.wait()
    for _ in range(8):
        with pytest.raises(RateLimited):
            await world.call()
    await world.holdings.give_back_idle()

    assert await world.holdings.reserve(Resource("rpm", "t"), 9) is not None
    asking.cancel()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "backend",
    [
        ScriptedBackend(),
        ScriptedBackend({name: UpstreamError("down") for name in PRICES}),
        ScriptedBackend(cut=UpstreamError("cut")),
        ScriptedBackend({"small": ValueError("a fault of ours")}),
    ],
    ids=["answered", "failed", "cut", "unforeseen"],
)
async def test_places_and_money_are_free_whatever_the_end(backend, stream):
    world = World(backend, max_parallel_requests=1, max_budget=100)
    for _ in range(3):
        try:
            response = await world.ask(stream=stream)
        except ValueError:
            continue
        assert response.status_code != 429

    assert world.reserved() == world.reserved(BUDGET) == 0


class Hanging(ScriptedBackend):
    """Answers never."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def complete(self, request):
        self.begun.set()
        await asyncio.sleep(3600)


async def test_the_place_of_a_client_that_leaves_is_free():
    world = World(Hanging(), max_parallel_requests=1)
    asking = asyncio.create_task(world.gateway.completions.complete(await world.call()))
    await world.backend.begun.wait()
    with pytest.raises(RateLimited):
        await world.call()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    await world.call()


async def test_the_place_of_a_stream_that_nobody_comes_to_read_is_free():
    world = World(max_parallel_requests=1)
    started = await world.gateway.completions.start_stream(await world.call())
    assert world.reserved() == 1

    await started.frames.aclose()

    assert world.reserved() == 0


async def test_the_place_of_a_client_that_leaves_while_he_waits_for_it_is_free():
    world = World(max_parallel_requests=1, rpm_limit=5)
    world.ledger.may_answer.clear()
    waiting = asyncio.create_task(world.call())
    await world.ledger.asked.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    world.ledger.may_answer.set()

    await world.call()


async def test_the_place_of_a_client_that_leaves_while_his_tenant_waits_is_free():
    world = World(rpm_limit=5, key={"max_parallel_requests": 2})
    place = await world.holdings.reserve(PLACES_OF_KEY, 1)
    assert place is not None
    world.holdings.settle(place, used=0)  # so a place is at hand
    world.ledger.asked.clear()
    world.ledger.may_answer.clear()
    waiting = asyncio.create_task(world.call())
    await world.ledger.asked.wait()
    assert world.reserved(PLACES_OF_KEY) == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert world.reserved(PLACES_OF_KEY) == 0
