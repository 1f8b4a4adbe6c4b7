"""What a replica holds of a budget when an answer cost other than was reserved."""

import pytest

from deployments.store.usage_query import Charge
from serve_app.access.holdings import Holdings
from tests.deployments.store.made import tenant
from tests.serve_app.access.held import BUDGET, taken


async def test_what_an_answer_took_beyond_its_reservation_is_paid_by_the_next_lease(
    holdings, ledger
):
    holdings.settle(await taken(holdings, BUDGET, 1.0), used=1.5)

    await taken(holdings, BUDGET, 1.0)
    assert ledger.leased(BUDGET) >= 2.5


async def test_what_was_overdrawn_is_not_leased_again_once_it_is_reported(
    holdings, ledger, clock
):
    holdings.settle(await taken(holdings, BUDGET, 1.0), used=1.5)
    clock.now += 3
    await holdings.give_back_idle(reported_until=clock.now - 2)
    assert ledger.leased(BUDGET) == 0

    await taken(holdings, BUDGET, 1.0)

    assert ledger.leased(BUDGET) == pytest.approx(1.0)


async def test_a_lease_is_not_ended_while_usage_is_unreported(holdings, ledger, clock):
    holdings.settle(await taken(holdings, BUDGET, 1.0), used=1.0)
    settled_at = clock.now
    clock.now += 3
    await holdings.give_back_idle(reported_until=settled_at)

    assert ledger.leased(BUDGET) == pytest.approx(1.0)


async def test_what_a_correction_frees_is_free_once_the_ledger_knows(holdings, clock):
    holdings.settle(await taken(holdings, BUDGET, 8.0), used=8.0)
    at = clock.now
    holdings.correct(BUDGET, at, by=-2.0)
    await holdings.give_back_idle(reported_until=at)
    assert await holdings.reserve(BUDGET, 2.0) is None

    clock.now += 1
    await holdings.give_back_idle(reported_until=clock.now)

    assert await holdings.reserve(BUDGET, 2.0) is not None


async def test_what_a_correction_frees_is_not_had_twice_where_it_is_in_doubt(
    holdings, ledger, clock
):
    """The Ledger has taken it in and not said so: it may count it as anybody's."""
    holdings.settle(await taken(holdings, BUDGET, 8.0), used=8.0)
    await ledger.book.charge([Charge("t", "a", clock.now, 8.0)])
    at = clock.now
    holdings.correct(BUDGET, at, by=-7.0)
    holdings.doubt(reported_until=at)
    ledger.book.know({})
    ledger.book.know({"t": tenant(max_budget=8.0, budget_duration="1d")})
    other = Holdings("b", ledger, clock)
    assert await other.reserve(BUDGET, 7.0) is not None

    clock.now += 1
    await holdings.give_back_idle(reported_until=clock.now)

    assert await holdings.reserve(BUDGET, 7.0) is None


async def test_what_a_correction_frees_is_not_leased_for_ever(holdings, ledger, clock):
    """What is free is given back before the record is shipped that frees it."""
    holdings.settle(await taken(holdings, BUDGET, 8.0), used=8.0)
    await ledger.book.charge([Charge("t", "a", clock.now, 8.0)])
    clock.now += 3
    at = clock.now
    holdings.correct(BUDGET, at, by=-7.0)
    await holdings.give_back_idle(reported_until=at)
    await ledger.book.charge([Charge("t", "a", at, -7.0)])
    clock.now += 1
    await holdings.give_back_idle(reported_until=clock.now)

    assert ledger.leased(BUDGET) == 0
    assert await Holdings("b", ledger, clock).reserve(BUDGET, 7.0) is not None


async def test_a_correction_long_after_the_last_lease_is_not_leased_for_ever(
    holdings, ledger, clock
):
    await taken(Holdings("b", ledger, clock), BUDGET, 1.0)
    holdings.correct(BUDGET, clock.now, by=-2.0)
    await holdings.give_back_idle(reported_until=clock.now)
    await ledger.book.charge([Charge("t", "a", clock.now, -2.0)])
    clock.now += 1
    await holdings.give_back_idle(reported_until=clock.now)

    assert ledger.leased(BUDGET) == pytest.approx(1.0)


async def test_a_correction_of_a_past_period_is_no_money_of_this_one(holdings, clock):
    yesterday = clock.now
    clock.now += 86400
    holdings.settle(await taken(holdings, BUDGET, 8.0), used=8.0)

    holdings.correct(BUDGET, yesterday, by=-2.0)

    assert await holdings.reserve(BUDGET, 1.0) is None
    assert holdings.of(BUDGET).part.free == 0
