"""Budgets whose periods are changed, soft ones, and those that are nearly spent."""

from deployments.limits.ledger_protocol import Resource, Return
from deployments.telemetry.metrics import BudgetLeft
from tests.deployments.limits.book_world import budget
from tests.deployments.store.made import tenant


async def test_who_spends_his_soft_budget_is_warned_once_in_a_period(world, caplog):
    world.know(budget(soft_budget=3.0))
    await world.spend(2.0)
    assert world.book.soft_budgets_reached() == []
    for _ in range(2):
        await world.spend(1.0, id=f"use-{world.now}")
        world.now += 1

    [state] = world.book.soft_budgets_reached()
    assert (state.tenant, state.spend, state.soft_budget) == ("t", 4.0, 3.0)
    assert caplog.text.count("its soft budget is 3.00") == 1
    world.now += 86400
    assert world.book.soft_budgets_reached() == []


async def test_a_soft_budget_needs_no_hard_one_and_may_be_changed(world):
    soft = tenant(soft_budget=1.0, budget_duration="1d")
    world.know(soft)
    await world.spend(2.0)
    assert [state.max_budget for state in world.book.soft_budgets_reached()] == [None]

    world.know(soft.model_copy(update={"soft_budget": 3.0}))
    assert world.book.soft_budgets_reached() == []
    world.know(soft)
    assert len(world.book.soft_budgets_reached()) == 1
    world.know()
    assert world.book.soft_budgets_reached() == []


async def test_longer_periods_begin_a_new_pool(world):
    world.know(budget())
    for _ in range(2):
        await world.spend(1.0)
        await world.lease(1.0)
        world.now += 86400
    world.now -= 86400
    world.know(budget(20.0, budget_duration="1mo"))

    assert (await world.lease(18.0, "b")).amount == 18.0
    assert (await world.book.budget("t")).spend == 2.0
    assert world.book.tightest(1) == [BudgetLeft("t", 20.0, 18.0)]
    assert [lease[0] for lease in await world.leases.all()] == ["b"]


async def test_what_was_leased_of_other_periods_counts_when_it_is_spent(world):
    world.know(budget())
    old = await world.lease(4.0)
    world.know(budget(budget_duration="1mo"))
    await world.book.budget("t")
    await world.book.give_back("a", [Return(Resource("budget", "t"), old.period, 1.0)])
    await world.spend(3.0)
    await world.book.close_replica("a")

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (3.0, 0)
    assert await world.leases.all() == []


async def test_periods_that_begin_together_keep_their_leases(world):
    world.now -= 2 * 86400  # a Monday
    world.know(budget())
    await world.lease(4.0)
    world.now += 86400
    await world.spend(1.0, "b")
    world.know(budget(budget_duration="7d"))

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (1.0, 4.0)


async def test_what_was_spent_while_periods_were_others_is_not_forgotten(world):
    world.know(budget())
    await world.lease(1.0)
    world.know(budget(budget_duration="1mo"))
    await world.spend(2.0, "b")
    world.know()
    world.know(budget())

    assert (await world.book.budget("t")).spend == 2.0


async def test_leases_of_periods_that_are_others_now_are_none_of_a_new_start_s(world):
    world.know(budget())
    await world.lease(1.0)
    world.renew()
    await world.book.start({"t": budget(budget_duration="1mo")})

    assert (await world.lease(8.0)).amount == 8.0
    await world.book.close_replica("a")
    assert await world.leases.all() == []


async def test_a_soft_budget_of_other_periods_is_no_longer_told(world):
    world.know(budget(soft_budget=1.0, budget_duration="1mo"))
    await world.spend(2.0)
    world.know(budget(soft_budget=1.0))

    assert world.book.soft_budgets_reached() == []


async def test_a_late_record_is_looked_at_in_its_own_period(world, caplog):
    world.know(budget(soft_budget=1.0))
    for _ in range(3):
        await world.lease(1.0)
        world.now += 86400
    await world.spend(2.0, at=world.now - 4 * 86400)

    assert "its soft budget is 1.00" in caplog.text
    await world.spend(1.5)
    assert [state.spend for state in world.book.soft_budgets_reached()] == [1.5]


async def test_the_tightest_are_not_those_that_were_spent_yesterday(world):
    names = [f"old-{n}" for n in range(5)]
    world.know(*(budget(1.0, id=name) for name in [*names, "now"]))
    for name in names:
        await world.spend(1.0, tenant=name, id=name)
        await world.book.budget(name)
    world.now += 86400
    await world.spend(0.9, tenant="now", id="now")
    await world.book.budget("now")

    assert [left.tenant for left in world.book.tightest(2)] == ["now"]


async def test_nobody_is_warned_of_what_was_spent_in_periods_that_are_others_now(
    world, caplog
):
    world.know(budget(soft_budget=3.0, budget_duration="1mo"))
    await world.spend(2.0)
    await world.book.budget("t")
    world.know(budget(soft_budget=1.0))

    assert "its soft budget" not in caplog.text


async def test_of_a_budget_that_is_overspent_nothing_is_left(world):
    world.know(budget(8.0))
    await world.spend(9.5)
    await world.book.budget("t")

    assert world.book.tightest(1) == [BudgetLeft("t", 8.0, 0.0)]
