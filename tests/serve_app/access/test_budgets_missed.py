"""What replicas hold of a budget and do not use, while others spend the rest."""

import pytest

from deployments.limits.ledger_protocol import IDLE_S
from serve_app.access.holdings import Holdings
from tests.serve_app.access.held import BUDGET, taken


@pytest.fixture
async def resting(ledger, clock) -> list[Holdings]:
    """Four replicas that have answered one cheap request each."""
    replicas = [Holdings(name, ledger, clock) for name in "abcd"]
    for replica in replicas:
        replica.settle(await taken(replica, BUDGET, 0.01), used=0.0)
        clock.now += 1
        await replica.give_back_idle(reported_until=clock.now - 1)
    clock.now += 30
    for replica in replicas:
        await replica.give_back_idle(reported_until=clock.now - 1)
    return replicas


async def test_while_nobody_misses_it_it_stays(resting, ledger):
    assert ledger.leased(BUDGET) > 2.0
    assert not ledger.returns


@pytest.mark.parametrize("amount", [4.1, 7.0], ids=["short", "refused"])
async def test_once_others_miss_it_all_of_it_goes_back(resting, ledger, clock, amount):
    spender = Holdings("spender", ledger, clock)
    first = await spender.reserve(BUDGET, amount)
    assert (first is None) == (amount == 7.0)

    for _ in range(2):  # it is told, then gives back
        for replica in resting:
            await replica.give_back_idle(reported_until=clock.now - 1)
        clock.now += 1

    rest = 8.0 - (amount if first else 0.0)
    assert await spender.reserve(BUDGET, rest) is not None


async def test_who_is_given_some_of_a_short_budget_keeps_it_no_longer_than_it_is_used(
    ledger, clock
):
    spender = Holdings("spender", ledger, clock)
    await taken(spender, BUDGET, 6.5)
    other = Holdings("other", ledger, clock)
    other.settle(await taken(other, BUDGET, 0.1), used=0.0)

    clock.now += IDLE_S
    await other.give_back_idle(reported_until=clock.now)

    assert ledger.leased(BUDGET) == 6.5


async def test_of_a_new_period_it_is_kept_again(ledger, clock):
    replica = Holdings("a", ledger, clock)
    await taken(replica, BUDGET, 8.0)
    clock.now += 86400
    replica.settle(await taken(replica, BUDGET, 0.5), used=0.0)

    clock.now += 2 * IDLE_S
    await replica.give_back_idle(reported_until=clock.now)

    assert replica.of(BUDGET).part.free == 1.0
