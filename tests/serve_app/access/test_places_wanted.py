"""Places that one replica keeps while others are refused some."""

import asyncio

import pytest

from serve_app.access import ledger_calls
from serve_app.access.holdings import Holdings
from tests.deployments.store.made import tenant
from tests.serve_app.access.held import PLACES, taken
from tests.serve_app.fake_ledger import Clock, FakeLedger


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(ledger_calls, "_SOON_S", 0.0)


async def a_moment() -> None:
    """In which what is begun is done."""
    for _ in range(9):
        await asyncio.sleep(0)


async def heard(*replicas: Holdings) -> None:
    """As each second."""
    for replica in replicas:
        await replica.give_back_idle()
    await a_moment()


async def test_who_asks_one_thing_after_the_other_finds_a_place_at_each_replica():
    """They are more than places, and each has answered less than 2 s ago."""
    clock = Clock()
    ledger = FakeLedger(clock, tenant(max_parallel_requests=2))
    replicas = [Holdings(name, ledger, clock) for name in "abcd"]
    refused = 0
    for number in range(100):
        replica = replicas[number % 4]
        place = await replica.reserve(PLACES, 1, limit=2)
        clock.now += 0.2
        if place is None:
            refused += 1
        else:
            replica.settle(place, used=0)
        await a_moment()
        if number % 5 == 4:
            await heard(*replicas)

    assert refused <= 4, "until all know of it"


async def test_what_one_replica_had_needed_at_its_busiest_others_can_have(
    holdings, ledger, clock
):
    ledger.book.know({"t": tenant(max_parallel_requests=8)})
    busy = [await taken(holdings, PLACES, 1) for _ in range(8)]
    for place in busy[1:]:
        holdings.settle(place, used=0)
    other = Holdings("b", ledger, clock)
    assert await other.reserve(PLACES, 1) is None
    clock.now += 1
    await heard(holdings)

    found = [await other.reserve(PLACES, 1) for _ in range(8)]
    assert sum(place is not None for place in found) == 7


async def test_a_place_that_nobody_is_refused_is_kept_for_the_next_request(
    holdings, ledger, clock
):
    for _ in range(9):
        holdings.settle(await taken(holdings, PLACES, 1), used=0)
        clock.now += 1
        await heard(holdings)

    assert len(ledger.asks) == 1
    assert ledger.returns == []
