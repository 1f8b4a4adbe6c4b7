"""Accounts through the Ledger: what it knows of them, and tells of their changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.errors import InvalidRequest, NotFound, Overloaded
from deployments.limits.ledger import Ledger
from deployments.limits.ledger_protocol import Ask, Resource
from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.store.tables import tenants
from deployments.tenancy import KeyTerms
from tests.deployments.limits.on_ledger import leased
from tests.deployments.store.made import tenant


async def test_a_tenant_may_be_edited_while_requests_run(ledger):
    await ledger.put_tenant(tenant("stored", max_budget=1.0, rpm_limit=5))
    asks = [Ask(Resource(kind, "stored"), 1) for kind in ("budget", "rpm")]
    first = await ledger.lease("a", asks)
    await ledger.put_tenant(tenant("stored", max_budget=3.0))
    second = await ledger.lease("a", asks)

    assert [grant.capacity for grant in first] == [1.0, 5]
    assert second[0].capacity == 3.0
    assert second[1] is None


async def test_fields_are_changed_of_what_is_stored_by_then(ledger):
    await ledger.put_tenant(tenant("stored", max_budget=1.0, rpm_limit=5))
    await asyncio.gather(
        ledger.edit_tenant("stored", {"max_budget": 2.0}),
        ledger.edit_tenant("stored", {"rpm_limit": None}),
    )

    [stored] = await ledger.tenants()
    assert (stored.max_budget, stored.rpm_limit) == (2.0, None)
    with pytest.raises(InvalidRequest, match="greater than or equal"):
        await ledger.edit_tenant("stored", {"max_budget": -1})
    with pytest.raises(NotFound):
        await ledger.edit_tenant("none", {"max_budget": 1})


async def test_a_stored_tenant_counts_and_not_the_configured_one(ledger):
    await ledger.put_tenant(tenant(max_budget=1.0))
    assert await leased(ledger, 2.0) == 0

    await ledger.delete_tenant("t")
    assert await leased(ledger, 2.0) == 2.0


async def test_one_that_cannot_be_read_is_shut_and_the_ledger_starts(
    ledger_of, ledger, tmp_path
):
    for name in ("t", "other"):
        await ledger.put_tenant(tenant(name, max_budget=1.0))
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    async with database.writing() as connection:
        row = update(tenants).where(tenants.c.id == "t")
        await connection.execute(row.values(document={"id": "t"}))
    await database.close()

    again = ledger_of(tenant(max_budget=8.0))
    await again.open()

    assert await leased(again, 1.0) == 0
    [grant] = await again.lease("a", [Ask(Resource("budget", "other"), 1.0)])
    assert grant.amount == 1.0


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


async def test_tiers_of_the_configuration_change_while_it_runs(ledger) -> None:
    gold = tenant("g", cost_tier="gold", alpha=None)
    with pytest.raises(InvalidRequest, match="gold"):
        await ledger.put_tenant(gold)

    ledger.configure(["gold"])

    assert await ledger.put_tenant(gold)


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


class Unread(Database):
    """Takes changes, and may show nothing any more."""

    shown = True

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        if not self.shown:
            raise StoreUnavailable("the connection is gone")
        async with super().reading() as connection:
            yield connection


async def test_a_new_key_is_told_though_the_store_cannot_be_read_after_it(tmp_path):
    database = Unread(f"sqlite:///{tmp_path / 'db'}")
    ledger = Ledger(database)
    await ledger.open()
    await ledger.put_tenant(tenant())
    database.shown = False
    issued = await ledger.issue_key("t", KeyTerms())
    rotated = await ledger.rotate_key(issued.id, grace_s=60)
    await ledger.put_tenant(tenant(max_budget=3.0))
    database.shown = True

    (found,) = await ledger.tenants()
    assert {key.key_id for key in found.keys} == {issued.id, rotated.id}
    assert (await ledger.budget("t")).max_budget == 3.0
    await database.close()


async def test_who_starts_while_the_store_is_away_is_told_what_is_known(tmp_path):
    database = Unread(f"sqlite:///{tmp_path / 'db'}")
    ledger = Ledger(database)
    await ledger.open()
    await ledger.put_tenant(tenant())
    known = await ledger.snapshot(0)
    database.shown = False

    assert await ledger.snapshot(0) == known
    with pytest.raises(Overloaded):
        await ledger.snapshot(known.version)
    await database.close()
