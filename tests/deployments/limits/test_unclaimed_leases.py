"""A Ledger that is started anew with a configuration that the Gateways have no more."""

import pytest

from deployments.limits.ledger_protocol import Resource, Return
from tests.deployments.limits.book_world import World, budget

BUDGET = Resource("budget", "t")


async def started_anew(world: World, *known) -> int:
    """After replica `a` was leased 4 USD of 8; under which period."""
    world.know(budget())
    period = (await world.lease(4.0)).period
    world.renew()
    await world.book.start({each.id: each for each in known})
    return period


@pytest.mark.parametrize("known", [(), (budget(budget_duration="1mo"),)])
async def test_what_is_used_and_given_back_before_its_tenant_is_known_counts_once(
    world, known
):
    """It stayed leased until the period ended, beside what was spent of it."""
    period = await started_anew(world, *known)
    await world.book.give_back("a", [Return(BUDGET, period, 1.0)])
    await world.spend(2.0)
    assert await world.leases.all() == [("a", "t", period, 1.0)]
    world.know(budget())

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (2.0, 1.0)
    assert (await world.lease(5.0, "b")).amount == 5.0


async def test_what_is_leased_of_periods_that_only_gateways_know_is_not_leased_again(
    world,
):
    await started_anew(world, budget(budget_duration="1mo"))
    world.know(budget())

    assert (await world.lease(4.5, "b")).amount == 0
    assert (await world.book.budget("t")).leased == 4.0


async def test_a_correction_of_what_came_before_its_tenant_is_known_is_held_again(
    world,
):
    period = await started_anew(world)
    await world.spend(2.0, id="use-1")
    await world.spend(1.5, id="use-1", revision=1)

    assert await world.leases.all() == [("a", "t", period, 2.5)]


async def test_a_replica_that_is_gone_holds_nothing_of_tenants_that_are_not_known(
    world,
):
    period = await started_anew(world)
    await world.book.close_replica("a")
    await world.book.give_back("a", [Return(BUDGET, period, 1.0)])
    await world.spend(1.0)

    assert await world.leases.all() == []


async def test_what_nobody_has_asked_for_in_its_period_is_nobody_s_in_the_end(world):
    await started_anew(world)
    world.now += 33 * 86400
    world.renew()
    await world.book.start({})

    assert await world.leases.all() == []
