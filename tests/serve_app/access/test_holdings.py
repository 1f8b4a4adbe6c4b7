"""A replica's leases: never more than it was given, whatever happens on the way."""

import asyncio
import time

import pytest

from deployments.limits.ledger_protocol import Ask, Resource
from serve_app.access.holdings import Holdings
from tests.deployments.store.made import tenant
from tests.serve_app.access.held import BUDGET, PLACES, RPM, TPM, taken
from tests.serve_app.fake_ledger import START, Clock, FakeLedger


async def test_one_slice_serves_many_requests(holdings, ledger):
    for _ in range(10):
        await taken(holdings, BUDGET, 0.1)

    assert len(ledger.asks) == 1
    assert ledger.leased(BUDGET) == 1.0


async def test_a_hundred_at_once_get_what_there_is_and_no_more(holdings):
    found = await asyncio.gather(*(holdings.reserve(BUDGET, 0.1) for _ in range(100)))

    assert sum(reservation is not None for reservation in found) == 80


def test_what_is_held_is_timed_by_a_clock_that_nobody_sets(ledger):
    """Set back by hours, another would refuse for hours what it refused for a moment,
    and keep as long what nobody draws on."""
    before = time.monotonic()

    assert before <= Holdings("a", ledger).now() <= time.monotonic()


async def test_two_replicas_share_what_there_is(holdings, ledger, clock):
    other = Holdings("b", ledger, clock)
    found = [await mine.reserve(BUDGET, 0.1) for mine in [holdings, other] * 60]

    assert sum(reservation is not None for reservation in found) == 80


async def test_a_lease_that_arrives_after_its_asker_has_gone_is_not_lost(
    holdings, ledger, clock
):
    ledger.may_answer.clear()
    asking = asyncio.create_task(holdings.reserve(PLACES, 1))
    await ledger.asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    ledger.may_answer.set()
    for _ in range(5):
        await asyncio.sleep(0)

    both = [await holdings.reserve(PLACES, 1) for _ in range(2)]
    assert None not in both
    assert await holdings.reserve(PLACES, 1) is None


async def test_what_is_idle_goes_back_and_others_can_have_it(holdings, ledger, clock):
    holdings.settle(await taken(holdings, BUDGET, 7.5), used=0.5)
    other = Holdings("b", ledger, clock)
    assert await other.reserve(BUDGET, 7.0) is None

    clock.now += 3
    await holdings.give_back_idle()

    assert await other.reserve(BUDGET, 7.0) is not None
    assert ledger.leased(BUDGET) == pytest.approx(7.5)  # 0.5 is not reported yet


async def test_a_reservation_of_the_last_period_is_no_money_of_this_one(
    holdings, ledger, clock
):
    reservation = await taken(holdings, BUDGET, 8.0)
    clock.now += 86400
    today = await taken(holdings, BUDGET, 1.0)
    assert today.period != reservation.period

    holdings.settle(reservation, used=1.0)

    assert await holdings.reserve(BUDGET, 7.5) is None
    clock.now += 3
    await holdings.give_back_idle()
    back = {each.period: each.amount for each in ledger.returns}
    assert back[reservation.period] == 7.0


async def test_a_lease_of_a_budget_ends_with_its_period(holdings, clock):
    yesterday = await taken(holdings, BUDGET, 0.1)
    clock.now += 86400

    assert (await taken(holdings, BUDGET, 0.1)).period == yesterday.period + 86400


async def test_a_lease_that_comes_when_its_period_is_over_is_not_used(
    holdings, ledger, clock
):
    ledger.may_answer.clear()
    asking = asyncio.create_task(holdings.reserve(BUDGET, 0.1))
    await ledger.asked.wait()
    before = await ledger.book.lease([("a", ledger.asks[0])])
    answer = ledger.book.lease

    async def late(asks):
        ledger.book.lease = answer
        clock.now += 86400
        return before

    ledger.book.lease = late
    ledger.may_answer.set()
    reservation = await asking

    assert reservation.period == before[0].period + 86400


async def test_more_is_asked_for_where_a_slice_of_another_second_is_replaced(
    holdings, clock
):
    await taken(holdings, TPM, 20)
    clock.now += 0.9

    assert await holdings.reserve(TPM, 100) is not None


async def test_tokens_that_an_answer_did_not_take_are_free_in_the_minute_they_were_of(
    holdings, ledger, clock
):
    reservation = await taken(holdings, TPM, 800)
    clock.now += 30
    assert await holdings.reserve(TPM, 700) is None
    holdings.settle(reservation, used=100)
    await holdings.give_back_idle()

    assert await holdings.reserve(TPM, 700) is not None
    clock.now += 30
    assert await holdings.reserve(TPM, 101) is None


async def test_what_was_refused_is_not_asked_for_again_at_once(holdings, ledger, clock):
    assert [await holdings.reserve(BUDGET, 9.0) for _ in range(50)] == [None] * 50
    assert len(ledger.asks) == 1

    clock.now += 1
    assert await holdings.reserve(BUDGET, 9.0) is None
    assert len(ledger.asks) == 2


async def test_without_a_limit_nothing_is_held_back(holdings, ledger):
    free = Resource("budget", "unknown")

    holdings.settle(await taken(holdings, free, 1e6), used=1e6)
    await holdings.give_back_idle()

    assert ledger.returns == []


async def test_what_was_refused_does_not_refuse_what_there_is(holdings, ledger):
    await ledger.book.lease([("b", Ask(BUDGET, 6.0))])
    holdings.settle(await taken(holdings, BUDGET, 1.0), used=0.0)  # 1.0 is at hand
    assert await holdings.reserve(BUDGET, 2.5) is None

    assert await holdings.reserve(BUDGET, 1.75) is not None


@pytest.mark.parametrize("rate", [12, 30, 120])
async def test_under_steady_pressure_every_minute_lets_in_what_the_limit_says(rate):
    clock = Clock()
    ledger = FakeLedger(clock, tenant(rpm_limit=600))
    replicas = [Holdings(name, ledger, clock) for name in "abcd"]
    let_in = []
    for number in range(200 * rate):
        clock.now = START + number / rate
        if number % rate == 0:
            for replica in replicas:
                await replica.give_back_idle()
        if await replicas[number % 4].reserve(RPM, 1):
            let_in.append(number / rate)

    counted = [sum(at <= t < at + 60 for t in let_in) for at in range(139)]
    assert max(counted) <= 600
    assert min(counted) >= 0.98 * 600


async def test_a_replica_that_is_killed_has_used_its_slice_for_a_minute(clock, ledger):
    await taken(Holdings("killed", ledger, clock), RPM, 1)
    [grant] = await ledger.book.lease([("a", Ask(RPM, 70))])
    assert (grant.amount, grant.left) == (70, 0)

    clock.now += 62
    [grant] = await ledger.book.lease([("a", Ask(RPM, 80))])
    assert grant.amount == 80


async def test_what_was_overdrawn_is_owed_though_nobody_draws_for_a_while(
    holdings, ledger, clock
):
    holdings.settle(await taken(holdings, BUDGET, 1.0), used=1.5)
    clock.now += 3
    await holdings.give_back_idle()
    await taken(holdings, BUDGET, 1.0)

    assert ledger.leased(BUDGET) >= 2.5


async def test_more_than_what_was_left_is_not_asked_for_after_a_refusal(
    holdings, ledger
):
    await ledger.book.lease([("b", Ask(BUDGET, 6.0))])
    for amount in (9.0, 5.0, 2.5):
        assert await holdings.reserve(BUDGET, amount) is None

    assert len(ledger.asks) == 1
    assert await holdings.reserve(BUDGET, 2.0) is not None, "that is what was left"


async def test_what_is_in_doubt_is_looked_at_again(ledger, clock):
    holdings = Holdings("a", ledger, clock)
    holdings.settle(await taken(holdings, BUDGET, 0.5), used=0.0)
    for _ in range(2):
        clock.now += 3
        await holdings.give_back_idle(reported_until=clock.now - 1)
    holdings.doubt(reported_until=0.0)
    ledger.returns.clear()
    await holdings.give_back_idle(reported_until=clock.now)

    assert [back.rest for back in ledger.returns] == [True]
