"""The Ledger on a real database: it may die at any time, and accounts may change."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.errors import InvalidRequest, NotFound, Overloaded
from deployments.limits.ledger import Ledger
from deployments.limits.ledger_protocol import Ask, Resource, Return
from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.store.usage_store import UsageStore
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import KeyTerms
from deployments.usage.record import UsageRecord
from tests.deployments.limits.book_world import NOON
from tests.deployments.store.made import record, tenant

BUDGET = Resource("budget", "t")


@pytest.fixture
async def ledger_of(tmp_path) -> AsyncIterator[Callable[..., Ledger]]:
    """Ledgers on the same database, one after the other."""
    databases: list[Database] = []

    def make(*configured) -> Ledger:
        databases.append(Database(f"sqlite:///{tmp_path / 'db'}"))
        return Ledger(databases[-1], configured)

    yield make
    for database in databases:
        await database.close()


@pytest.fixture
async def ledger(ledger_of) -> Ledger:
    made: Ledger = ledger_of(tenant(max_budget=8.0))
    await made.open()
    return made


def spent(usd: float | None, id: str = "use-1", **changes) -> UsageRecord:
    """A record of a request that came a moment ago."""
    fields = {"replica": "a", "cost_usd": usd, **changes}
    return replace(record(id), at=time.time(), **fields)


async def leased(ledger: Ledger, need: float, replica: str = "a") -> float:
    (grant,) = await ledger.lease(replica, [Ask(BUDGET, need)])
    assert grant is not None
    return grant.amount


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


async def test_a_tenant_may_be_edited_while_requests_run(ledger):
    await ledger.put_tenant(tenant("stored", max_budget=1.0, rpm_limit=5))
    asks = [Ask(Resource(kind, "stored"), 1) for kind in ("budget", "rpm")]
    first = await ledger.lease("a", asks)
    await ledger.put_tenant(tenant("stored", max_budget=3.0))
    second = await ledger.lease("a", asks)

    assert [grant.capacity for grant in first] == [1.0, 5]
    assert second[0].capacity == 3.0
    assert second[1] is None


async def test_a_stored_tenant_counts_and_not_the_configured_one(ledger):
    await ledger.put_tenant(tenant(max_budget=1.0))
    assert await leased(ledger, 2.0) == 0

    await ledger.delete_tenant("t")
    assert await leased(ledger, 2.0) == 2.0


async def test_what_a_replica_s_configuration_says_counts_unless_it_is_stored(ledger):
    await ledger.put_tenant(tenant("stored", max_budget=1.0))
    new, stored = tenant("new", max_budget=2.0), tenant("stored", max_budget=9.0)
    asks = [
        Ask(Resource("budget", terms.id), 1.0, terms)
        for terms in (new, stored, tenant(max_budget=5.0))
    ]
    grants = await ledger.lease("a", asks)

    assert [grant.capacity for grant in grants] == [2.0, 1.0, 5.0]


async def test_a_snapshot_is_sent_to_those_who_do_not_know_it(ledger):
    known = await ledger.snapshot(0)
    assert known is not None
    assert await ledger.snapshot(known.version) is None

    issued = await ledger.put_tenant(tenant("new"))
    assert [change.id for change in issued] == ["new"]
    changed = await ledger.snapshot(known.version)
    assert [each.id for each in changed.tenants] == ["new"]


async def test_who_knows_an_earlier_snapshot_is_sent_what_changed_since(ledger):
    for name in "abc":
        await ledger.put_tenant(tenant(name))
    known = await ledger.snapshot(0)
    await ledger.put_tenant(tenant("d"))
    await ledger.issue_key("b", KeyTerms())
    await ledger.delete_tenant("c")

    change = await ledger.snapshot(known.version)
    assert [each.id for each in change.tenants] == ["b", "d"]
    assert (change.since, change.gone) == (known.version, ("c",))
    assert change.onto(known) == await ledger.snapshot(0)


async def test_a_change_is_not_put_onto_something_else(ledger):
    known = await ledger.snapshot(0)
    await ledger.put_tenant(tenant("a"))
    change = await ledger.snapshot(known.version)

    for other in (None, replace(known, version=known.version + 7)):
        with pytest.raises(ValueError, match="of another one"):
            change.onto(other)


async def test_keys_are_issued_rotated_and_revoked(ledger):
    await ledger.put_tenant(tenant("new"))
    issued = await ledger.issue_key("new", KeyTerms(rpm_limit=3))
    rotated = await ledger.rotate_key(issued.id, grace_s=60)
    await ledger.revoke_key(issued.id)

    (found,) = await ledger.tenants()
    keys = {key.key_id: key for key in found.keys}
    assert keys[issued.id].revoked
    assert keys[rotated.id].rpm_limit == 3


async def test_what_the_store_refuses_is_told_in_our_words(ledger):
    with pytest.raises(NotFound):
        await ledger.issue_key("nobody", KeyTerms())
    with pytest.raises(InvalidRequest):
        await ledger.put_tenant(tenant("x", alpha=None, cost_tier="none_such"))


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


async def test_tiers_of_the_configuration_change_while_it_runs(ledger) -> None:
    gold = tenant("g", cost_tier="gold", alpha=None)
    with pytest.raises(InvalidRequest, match="gold"):
        await ledger.put_tenant(gold)

    ledger.configure(["gold"])

    assert await ledger.put_tenant(gold)


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
    clock += 60

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


class HeldUp(Database):
    """Holds a read up, if that is asked for, when it has seen what there is."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.hold = False
        self.seen, self.go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        held, self.hold = self.hold, False
        async with super().reading() as connection:
            yield connection
            if held:
                self.seen.set()
                await self.go_on.wait()


async def test_a_slow_read_does_not_bring_back_what_was_changed_meanwhile(tmp_path):
    database = HeldUp(f"sqlite:///{tmp_path / 'db'}")
    ledger = Ledger(database)
    await ledger.open()
    await ledger.put_tenant(tenant(max_budget=1.0))
    database.hold = True
    slow = asyncio.create_task(ledger.tenants())
    await database.seen.wait()
    change = asyncio.create_task(ledger.put_tenant(tenant(max_budget=3.0)))
    await asyncio.wait({change}, timeout=0.2)
    database.go_on.set()
    await asyncio.gather(slow, change)

    assert (await ledger.budget("t")).max_budget == 3.0
    await database.close()


async def test_a_replica_that_gives_nothing_back_is_alive_all_the_same(
    ledger, monkeypatch
):
    """Its places are those of requests that take long."""
    now = [1000.0]
    monkeypatch.setattr(ledger._book, "_clock", lambda: now[0])
    await ledger.put_tenant(tenant("busy", max_parallel_requests=1))
    place = [Ask(Resource("parallel", "busy"), 1)]
    assert (await ledger.lease("a", place))[0].amount == 1
    for _ in range(9):
        now[0] += 10
        for replica in ("a", "b"):
            await ledger.give_back(replica, [])

    assert (await ledger.lease("b", place))[0].amount == 0
