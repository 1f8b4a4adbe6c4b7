"""What a replica holds of a budget or a limit that is lowered meanwhile."""

import asyncio

import pytest

from tests.deployments.store.made import tenant
from tests.serve_app.access.held import BUDGET, PLACES, TERMS
from tests.serve_app.access.limited_tenant import World
from tests.serve_app.fake_ledger import FakeLedger


def know(ledger: FakeLedger, **terms: float) -> None:
    ledger.book.know({"t": tenant(**{**TERMS, **terms})})


async def test_what_was_leased_of_a_larger_budget_is_not_spent_of_a_smaller(
    holdings, ledger
):
    first = await holdings.reserve(BUDGET, 0.25, limit=8.0)  # of a slice of 1
    assert first is not None
    holdings.settle(first, used=0.25)
    know(ledger, max_budget=0.5)

    assert await holdings.reserve(BUDGET, 0.5, limit=0.5) is None
    assert await holdings.reserve(BUDGET, 0.25, limit=0.5) is not None
    assert ledger.leased(BUDGET) == pytest.approx(0.5)


async def test_places_that_are_too_many_now_are_not_taken_again_when_they_are_free(
    holdings, ledger
):
    know(ledger, max_parallel_requests=8)
    busy = [await holdings.reserve(PLACES, 1, limit=8) for _ in range(8)]
    know(ledger, max_parallel_requests=2)

    for place in busy[:6]:
        holdings.settle(place, used=0)
        assert await holdings.reserve(PLACES, 1, limit=2) is None
    holdings.settle(busy[6], used=0)
    assert await holdings.reserve(PLACES, 1, limit=2) is not None
    assert await holdings.reserve(PLACES, 1, limit=2) is None


async def test_a_lease_that_is_on_its_way_when_a_budget_is_lowered_is_of_the_larger(
    holdings, ledger
):
    ledger.may_answer.clear()
    asking = asyncio.create_task(holdings.reserve(BUDGET, 0.25, limit=8.0))
    await ledger.asked.wait()
    sent = await ledger.book.lease([("a", ledger.asks[0])])
    know(ledger, max_budget=0.125)
    holdings.of(BUDGET).limit = 0.125  # another request knows it
    answer = ledger.book.lease

    async def late(asks):
        ledger.book.lease = answer
        return sent

    ledger.book.lease = late
    ledger.may_answer.set()

    assert await asking is None


async def test_a_limit_that_is_raised_leaves_what_is_at_hand(holdings, ledger):
    first = await holdings.reserve(BUDGET, 0.25, limit=8.0)
    assert first is not None
    holdings.settle(first, used=0.25)
    know(ledger, max_budget=80.0)

    assert await holdings.reserve(BUDGET, 0.5, limit=80.0) is not None
    assert len(ledger.asks) == 1


async def test_a_tenant_whose_budget_is_lowered_below_what_it_has_spent_is_refused():
    world = World(max_budget=80.0)
    assert (await world.ask(model="other")).status_code == 200  # it costs 0.25
    keys = [{"env": "TEST_KEY"}]
    lowered = {"id": "t", "alpha": 0.5, "keys": keys, "max_budget": 0.2}
    world.ledger.book.know({"t": tenant(max_budget=0.2)})
    world.gateway.apply({"tenants": [lowered]})
    response = await world.ask(model="other")

    assert response.status_code == 429
    assert response.json()["error"]["code"] == "insufficient_quota"
