"""The Ledger on a real database: it may die at any time, and accounts may change."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deployments.errors import Overloaded
from deployments.limits.ledger import Ledger
from deployments.limits.ledger_protocol import Ask, Resource, Return
from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.store.usage_store import UsageStore
from deployments.telemetry.metrics import BudgetLeft
from tests.deployments.limits.book_world import NOON
from tests.deployments.limits.on_ledger import BUDGET, leased, spent
from tests.deployments.store.made import tenant


async def test_a_new_ledger_knows_the_leases_and_the_spend_of_the_old_one(
    ledger, ledger_of
):
    await leased(ledger, 4.0)
    await ledger.ingest([spent(1.0)])
    successor = ledger_of(tenant(max_budget=8.0))
    await successor.open()

    state = await successor.budget("t")
    assert (state.spend, state.leased) == (1.0, 3.0)
    assert await leased(successor, 4.5, "b") == 0
    assert await leased(successor, 4.0, "b") == 4.0


async def test_what_is_given_back_is_free_once(ledger):
    (grant,) = await ledger.lease("a", [Ask(BUDGET, 6.0)])
    await ledger.give_back("a", [Return(BUDGET, grant.period, 2.0)])

    assert (await ledger.budget("t")).leased == 4.0


async def test_the_same_records_again_change_nothing(ledger):
    await leased(ledger, 4.0)

    assert await ledger.ingest([spent(1.0), spent(1.0)]) == 1
    assert await ledger.ingest([spent(1.0)]) == 0
    state = await ledger.budget("t")
    assert (state.spend, state.leased) == (1.0, 3.0)


async def test_what_is_deleted_before_it_came_in_is_spent_all_the_same(
    ledger, tmp_path
):
    await leased(ledger, 4.0)
    late = spent(4.0)
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    await UsageStore(database).delete_before(datetime.now(UTC))
    await database.close()
    await ledger.ingest([late])
    await ledger.close_replica("a")

    assert (await ledger.budget("t")).spend == 4.0


async def test_a_correction_changes_the_spend_by_the_difference(ledger):
    await leased(ledger, 4.0)
    first = spent(None, reserved_usd=2.0)
    await ledger.ingest([first])
    assert (await ledger.budget("t")).spend == 2.0

    await ledger.ingest([replace(first, revision=1, cost_usd=0.5)])

    state = await ledger.budget("t")
    assert (state.spend, state.leased) == (0.5, 3.5)


async def test_a_closed_replica_holds_nothing(ledger):
    await leased(ledger, 8.0)
    await ledger.close_replica("a")

    assert (await ledger.budget("t")).leased == 0


async def test_what_a_replica_asks_for_is_not_leased_to_it_once_it_is_closed(ledger):
    """Nobody would give it back: it was leased until the period ends."""
    asked = [leased(ledger, 1.0, replica) for replica in ("b", "a")]
    first, late, _ = await asyncio.gather(*asked, ledger.close_replica("a"))

    assert (first, late) == (1.0, 0)
    assert await leased(ledger, 1.0) == 0
    assert (await ledger.budget("t")).leased == 1.0


async def test_without_its_database_limits_go_on_and_budgets_wait(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'db'}", busy_timeout_s=0.01)
    ledger = Ledger(database, [tenant(max_budget=8.0, rpm_limit=5)])
    await ledger.open()
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        (grant,) = await ledger.lease("a", [Ask(Resource("rpm", "t"), 1)])
        assert grant.amount == 1
        with pytest.raises(Overloaded):
            await leased(ledger, 1.0)
        with pytest.raises(Overloaded):
            await ledger.ingest([spent(1.0)])

    assert await leased(ledger, 8.0) == 8.0, "nothing was leased that was not written"
    await database.close()


async def test_the_tightest_budgets_come_first(ledger_of):
    tenants = (
        tenant("rich", max_budget=100.0),
        tenant("t", max_budget=8.0),
        tenant("free"),
    )
    ledger = ledger_of(*tenants)
    await ledger.open()
    for each in tenants:
        await ledger.budget(each.id)
    await ledger.ingest([spent(6.0)])

    assert ledger.tightest_budgets(1) == [BudgetLeft("t", 8.0, 2.0)]
    assert [left.tenant for left in ledger.tightest_budgets(9)] == ["t", "rich"]


async def test_what_was_taken_though_the_answer_was_lost_is_spent(ledger, monkeypatch):
    """A database that goes away while it commits may have committed."""
    clock = NOON.timestamp()  # not in the last minute of a month
    monkeypatch.setattr(ledger._book, "_clock", lambda: clock)
    await leased(ledger, 4.0)
    made = replace(spent(4.0), at=clock)
    take = ledger._usage.take

    async def lost(records):
        await take(records)
        raise StoreUnavailable("the connection is gone")

    monkeypatch.setattr(ledger._usage, "take", lost)
    with pytest.raises(Overloaded):
        await ledger.ingest([made])
    monkeypatch.setattr(ledger._usage, "take", take)
    assert await ledger.ingest([made]) == 0
    await ledger.close_replica("a")

    assert (await ledger.budget("t")).spend == 4.0
    assert await leased(ledger, 5.0, "b") == 0


async def test_a_soft_budget_that_only_a_configuration_states_is_told(ledger_of):
    ledger = ledger_of()
    await ledger.open()
    stated = [tenant("new", soft_budget=1.0)]
    assert await ledger.soft_budgets_reached(stated) == []
    await ledger.ingest([spent(2.0, tenant="new")])

    [state] = await ledger.soft_budgets_reached(stated)
    assert (state.tenant, state.spend) == ("new", 2.0)


async def test_a_replica_that_gives_nothing_back_is_alive_all_the_same(
    ledger, monkeypatch
):
    """Its places are those of requests that take long."""
    now = [1000.0]
    monkeypatch.setattr(ledger._book, "_clock", lambda: now[0])
    await ledger.put_tenant(tenant("busy", max_parallel_requests=1))
    place = [Ask(Resource("parallel", "busy"), 1)]
    assert (await ledger.lease("a", place))[0].amount == 1
    for heard, free in (("ab", 0), ("b", 1)):
        for _ in range(9):
            now[0] += 10
            for replica in heard:
                await ledger.give_back(replica, [])
        assert (await ledger.lease("b", place))[0].amount == free
