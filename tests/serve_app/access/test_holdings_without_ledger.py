"""A replica's leases while the Ledger is away."""

import asyncio

import pytest

from deployments.errors import Overloaded
from serve_app.access.holdings import Holdings
from tests.serve_app.access.held import BUDGET, PLACES, RPM, taken
from tests.serve_app.fake_ledger import FakeLedger


async def test_a_lease_whose_answer_was_lost_is_found_when_all_is_quiet(
    holdings, ledger, clock
):
    ledger_ask = await lost(holdings, ledger)
    await ledger.book.lease([("a", ledger_ask)])
    assert ledger.leased(BUDGET) >= ledger_ask.need

    clock.now += 3
    await holdings.give_back_idle(reported_until=clock.now - 2)

    assert ledger.leased(BUDGET) == 0


async def lost(holdings: Holdings, ledger: FakeLedger):
    """An ask that failed on the way back."""
    ledger.away = True
    with pytest.raises(Overloaded):
        await holdings.reserve(BUDGET, 1.0)
    ledger.away = False
    return ledger.asks[-1]


async def test_a_ledger_that_is_away_is_not_noticed_while_a_lease_lasts(
    holdings, ledger
):
    await taken(holdings, BUDGET, 0.1)
    ledger.away = True

    assert None not in [await holdings.reserve(BUDGET, 0.1) for _ in range(9)]
    with pytest.raises(Overloaded):
        await holdings.reserve(BUDGET, 0.2)


@pytest.mark.parametrize(
    ("n", "limit"), [(80, None), (2, 2)], ids=["as it was told", "lowered since"]
)
async def test_without_a_ledger_each_replica_keeps_a_known_rate_by_itself(
    holdings, ledger, clock, n, limit
):
    await taken(holdings, RPM, 1)
    ledger.away = True
    clock.now += 2

    for _ in range(n):
        assert await holdings.reserve(RPM, 1, limit=limit)
    with pytest.raises(Overloaded):
        await holdings.reserve(RPM, 1, limit=limit)


async def test_without_a_ledger_a_limit_that_changes_counts_as_it_is_now(
    holdings, ledger
):
    ledger.away = True
    for _ in range(4):
        assert await holdings.reserve(RPM, 1, limit=9)
    with pytest.raises(Overloaded):
        await holdings.reserve(RPM, 1, limit=4)

    assert await holdings.reserve(RPM, 1, limit=5)


async def test_a_ledger_that_comes_and_goes_lets_no_more_through_alone(
    holdings, ledger, clock
):
    ledger.away = True
    for _ in range(80):
        assert await holdings.reserve(RPM, 1, limit=80)
    ledger.away = False
    await taken(holdings, RPM, 1)
    ledger.away = True
    clock.now += 2

    with pytest.raises(Overloaded):
        await holdings.reserve(RPM, 1, limit=80)
    clock.now += 60
    assert await holdings.reserve(RPM, 1, limit=80)


async def test_what_nobody_draws_on_is_forgotten_though_the_ledger_was_away(
    holdings, ledger, clock
):
    ledger.away = True
    assert await holdings.reserve(RPM, 1, limit=80)
    held = holdings.of(RPM)
    ledger.away = False
    await holdings.give_back_idle()
    assert holdings.of(RPM) is held  # what was used counts for a minute
    clock.now += 200
    await holdings.give_back_idle()

    assert holdings.of(RPM) is not held


async def test_what_could_not_be_given_back_is_given_back_later(
    holdings, ledger, clock
):
    holdings.settle(await taken(holdings, BUDGET, 7.5), used=0.0)
    clock.now += 3
    ledger.away = True
    with pytest.raises(Overloaded):
        await holdings.give_back_idle(reported_until=clock.now - 2)
    ledger.away = False
    await holdings.give_back_idle(reported_until=clock.now - 2)

    assert ledger.leased(BUDGET) == 0


async def test_who_asks_for_a_place_does_not_wait_for_the_database_with_budgets(
    holdings, ledger, clock, monkeypatch
):
    """Limits are in the Ledger's memory: without its database they go on as ever."""
    for resource, amount in ((BUDGET, 7.0), (PLACES, 1.0)):
        holdings.settle(await taken(holdings, resource, amount), used=0.0)
    clock.now += 3
    give_back, stuck = ledger.give_back, asyncio.Event()

    async def without_database(replica, returns):
        limits = [back for back in returns if back.resource.kind != "budget"]
        wanted = await give_back(replica, limits)
        if len(limits) < len(returns):
            stuck.set()
            await asyncio.sleep(3600)
        return wanted

    monkeypatch.setattr(ledger, "give_back", without_database)
    giving = asyncio.create_task(holdings.give_back_idle())
    await stuck.wait()

    async with asyncio.timeout(1):
        await taken(holdings, PLACES, 1.0)
    giving.cancel()
