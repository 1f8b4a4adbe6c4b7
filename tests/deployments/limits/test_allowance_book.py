"""The Ledger's pools, with the real store beneath them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from deployments.errors import NotFound
from deployments.limits.allowance_book import AllowanceBook
from deployments.limits.ledger_protocol import Ask, Grant, Kind, Resource, Return
from deployments.store.database import Database
from deployments.store.lease_book import LeaseBook
from deployments.store.usage_store import UsageStore
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import TenantConfig
from tests.deployments.store.made import record, tenant

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


class World:
    """A book, its store, and a clock that only a test moves."""

    def __init__(self, database: Database) -> None:
        self.now = NOON.timestamp()
        self.usage = UsageStore(database)
        self.leases = LeaseBook(database)
        self.renew()

    def renew(self) -> None:
        """What was in memory is lost."""
        self.book = AllowanceBook(self.usage, self.leases, lambda: self.now)

    def know(self, *tenants: TenantConfig) -> None:
        self.book.know({each.id: each for each in tenants})

    async def lease(
        self, need: float, replica: str = "a", kind: Kind = "budget", **of: Any
    ) -> Grant:
        ask = Ask(Resource(kind, "t", of.get("key_id")), need)
        grant = await self.book.lease(replica, ask)
        assert grant is not None
        return grant

    async def spend(self, usd: float | None, replica: str = "a", **of: Any) -> None:
        """A request that came now was taken into the store."""
        at = datetime.fromtimestamp(of.pop("at", self.now), UTC)
        fields = {"id": f"use-{self.now}-{replica}-{usd}", "replica": replica, **of}
        taken = await self.usage.take([record(at=at, cost_usd=usd, **fields)])
        await self.book.charge(taken.charges)


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    await database.open()
    yield World(database)
    await database.close()


def budget(usd: float = 8.0, **changes: Any) -> TenantConfig:
    return tenant(max_budget=usd, **{"budget_duration": "1d", **changes})


async def test_what_was_spent_before_counts(world):
    world.know(budget())
    await world.spend(5.0)
    world.renew()
    world.know(budget())

    assert (await world.lease(4.0)).amount == 0
    assert (await world.lease(3.0)).amount == 3.0


async def test_what_is_not_known_counts_as_what_was_reserved(world):
    world.know(budget())
    await world.spend(None, reserved_usd=6.0)

    assert (await world.lease(3.0)).left == pytest.approx(2.0)


async def test_a_lease_is_written_down_before_it_is_granted(world):
    world.know(budget())

    grant = await world.lease(1.0)

    assert await world.leases.all() == [("a", "t", grant.period, grant.amount)]


async def test_usage_is_taken_off_the_lease_it_was_of(world):
    world.know(budget())
    await world.lease(4.0)
    await world.spend(3.0)

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (3.0, 1.0)
    assert [lease[3] for lease in await world.leases.all()] == [1.0]


async def test_another_ledger_knows_what_is_out_and_charges_it_once(world):
    world.know(budget())
    await world.lease(4.0)
    world.renew()
    await world.book.start({"t": budget()})
    await world.spend(3.0)

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (3.0, 1.0)


async def test_what_is_given_back_after_a_restart_is_free(world):
    world.know(budget())
    grant = await world.lease(8.0)
    world.renew()
    await world.book.start({"t": budget()})
    back = Return(Resource("budget", "t"), grant.period, 8.0)
    await world.book.give_back("a", back)

    assert (await world.lease(8.0, "b")).amount == 8.0


async def test_leases_of_a_tenant_that_is_gone_are_deleted(world):
    world.know(budget())
    await world.lease(1.0)
    world.renew()
    await world.book.start({})

    assert await world.leases.all() == []


async def test_a_dead_replica_s_lease_is_free_when_it_is_closed(world):
    world.know(budget())
    await world.lease(8.0)
    assert (await world.lease(1.0, "b")).amount == 0

    await world.book.close_replica("a")

    assert (await world.lease(8.0, "b")).amount == 8.0
    assert {lease[0] for lease in await world.leases.all()} == {"b"}


async def test_the_rest_is_all_of_it_however_much_that_is(world):
    world.know(budget())
    grant = await world.lease(8.0)
    rest = Return(Resource("budget", "t"), grant.period, 0.0, rest=True)
    await world.book.give_back("a", rest)

    assert (await world.lease(8.0, "b")).amount == 8.0


async def test_a_period_begins_with_the_whole_budget(world):
    world.know(budget())
    first = await world.lease(8.0)
    await world.spend(8.0)
    world.now += 86400

    second = await world.lease(8.0)

    assert second.amount == 8.0
    assert first.resets_at == second.period == first.period + 86400
    assert second.good_for_s == pytest.approx(12 * 3600)


async def test_usage_counts_in_the_period_in_which_its_request_came(world):
    world.know(budget())
    await world.lease(8.0)
    yesterday = world.now
    world.now += 86400
    await world.lease(1.0)
    await world.spend(8.0, at=yesterday)

    assert (await world.book.budget("t")).spend == 0


async def test_of_past_periods_but_the_last_nothing_is_kept(world):
    world.know(budget())
    for _ in range(4):
        await world.lease(1.0)
        world.now += 86400

    assert len(await world.leases.all()) == 2


async def test_a_budget_that_is_changed_counts_at_once(world):
    world.know(budget())
    await world.lease(8.0)
    world.know(budget(12.0))
    assert (await world.lease(4.0, "b")).amount == 4.0

    world.know(budget(2.0))
    assert (await world.lease(0.1, "c")).amount == 0
    world.know(tenant())
    assert await world.book.lease("c", Ask(Resource("budget", "t"), 1.0)) is None


async def test_a_budget_of_nothing_is_no_budget_without_end(world):
    world.know(budget(0.0))
    await world.book.budget("t")

    assert (await world.lease(0.01)).amount == 0


async def test_a_budget_of_nobody_is_not_found(world):
    with pytest.raises(NotFound):
        await world.book.budget("nobody")


async def test_limits_are_of_the_tenant_and_of_each_key(world):
    key = {"sha256": "0" * 64, "id": "k", "rpm_limit": 1}
    world.know(tenant(rpm_limit=2, keys=[key]))

    assert (await world.lease(1, kind="rpm", key_id="k")).amount == 1
    assert (await world.lease(1, kind="rpm", key_id="k")).amount == 0
    assert (await world.lease(2, kind="rpm")).amount == 2
    other = Resource("rpm", "t", "other")
    assert await world.book.lease("a", Ask(other, 1)) is None


async def test_a_refusal_tells_when_there_is_more(world):
    world.know(tenant(rpm_limit=2))
    granted = await world.lease(2, kind="rpm")
    world.now += 10
    refused = await world.lease(1, kind="rpm")

    assert refused.amount == 0
    assert refused.resets_at == granted.resets_at == NOON.timestamp() + 61


async def test_places_of_a_replica_that_is_silent_are_free(world):
    world.know(tenant(max_parallel_requests=2))
    await world.lease(2, kind="parallel")
    for _ in range(7):
        world.now += 10
        world.book.heard_of("b")

    assert (await world.lease(2, "b", kind="parallel")).amount == 2


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
    await world.book.give_back("a", Return(Resource("budget", "t"), old.period, 1.0))
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


async def test_leases_of_periods_that_are_others_now_end_with_a_new_start(world):
    world.know(budget())
    await world.lease(1.0)
    world.renew()
    await world.book.start({"t": budget(budget_duration="1mo")})

    assert await world.leases.all() == []
    assert (await world.lease(8.0)).amount == 8.0


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
