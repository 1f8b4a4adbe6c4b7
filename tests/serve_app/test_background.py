"""What a replica does beside answering: with a real journal, Ledger and database."""

import asyncio
import errno
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.errors import Overloaded, Unauthenticated
from deployments.limits.ledger import Ledger
from deployments.limits.ledger_protocol import Resource
from deployments.protocol.backend import Settlement, Usage
from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.usage.journal import Journal
from deployments.usage.journal_files import replicas
from deployments.usage.record import UsageRecord
from deployments.usage.recorder import Recorder
from serve_app import background as module
from serve_app.access import holding
from serve_app.access.holdings import Holdings
from serve_app.answering import correction
from serve_app.background import Background
from tests.deployments.store.made import record, tenant
from tests.fakes import KEPT, ScriptedBackend, gateway
from tests.serve_app.answering.recorded import call_of

BUDGET = Resource("budget", "t")


class World:
    """One replica's background, and the Ledger that it follows."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder = folder / "journal"
        self.ledger = ledger
        self.journal = Journal(self.folder)
        self.holdings = Holdings(self.journal.replica, ledger)
        self.recorder = recorder = Recorder(self.journal)
        self.backend = ScriptedBackend()
        self.gateway = gateway(backend=self.backend, sink=recorder, **KEPT)
        self.background = Background(self.gateway, ledger, recorder, self.holdings)

    async def spend(self, usd: float) -> None:
        """A request that reserves a dollar."""
        reservation = await self.holdings.reserve(BUDGET, 1.0)
        assert reservation is not None
        self.holdings.settle(reservation, usd)
        made = record(f"use-{usd}", cost_usd=usd, replica=self.journal.replica)
        self.recorder.append(replace(made, at=time.time()))


@pytest.fixture
async def world(tmp_path, monkeypatch) -> AsyncIterator[World]:
    monkeypatch.setenv("TEST_KEY", "k")
    monkeypatch.setattr(module, "_EVERY_S", 0.01)
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    ledger = Ledger(database, [tenant(max_budget=8.0)])
    await ledger.open()
    yield World(tmp_path, ledger)
    await database.close()


async def test_a_replica_that_ends_leaves_no_lease_and_no_record(world):
    async with world.background.running():
        await world.spend(0.25)

    state = await world.ledger.budget("t")
    assert (state.spend, state.leased) == (0.25, 0.0)
    assert replicas(world.folder) == []


async def test_what_is_known_only_after_the_end_of_a_request_is_waited_for(
    world, monkeypatch
):
    monkeypatch.setattr(correction, "_ASK_AFTER_S", (0.05,))
    world.backend.charged = Settlement(Usage(7, 8, 15), 0.125, "upstream")
    async with world.background.running():
        started = await world.gateway.completions.start_stream(
            call_of(world.gateway, stream=True)
        )
        await anext(started.frames)
        await started.frames.aclose()

    assert (await world.ledger.budget("t")).spend == 0.125


@pytest.fixture
def reported(world, monkeypatch) -> list[float]:
    """Up to when all usage is said to be with the Ledger, at each look."""
    told: list[float] = []

    async def note(until: float) -> None:
        told.append(until)

    monkeypatch.setattr(world.holdings, "give_back_idle", note)
    return told


def refused(_: UsageRecord) -> None:
    raise OSError(28, "No space left on device")


async def test_what_is_not_shipped_does_not_count_as_reported(world, reported):
    await world.background._give_back()
    spent_at = world.holdings.now()
    await world.spend(0.25)
    for _ in range(3):
        await world.background._give_back()

    assert 0 < reported[-1] <= spent_at


async def test_what_waits_in_memory_does_not_count_as_reported(
    world, reported, monkeypatch
):
    monkeypatch.setattr(world.journal, "append", refused)
    spent_at = world.holdings.now()
    await world.spend(0.25)
    for _ in range(3):
        await world.background._give_back()

    assert world.recorder.waiting == 1
    assert reported[-1] <= spent_at


async def test_what_waits_in_memory_is_written_at_the_end(world, monkeypatch):
    async with world.background.running():
        with monkeypatch.context() as patched:
            patched.setattr(world.journal, "append", refused)
            await world.spend(0.25)
        assert world.recorder.waiting == 1

    assert (await world.ledger.budget("t")).spend == 0.25


async def test_a_key_that_the_store_has_revoked_opens_nothing_from_the_start_on(world):
    revoked = {"env": "TEST_KEY", "revoked": True}
    await world.ledger.put_tenant(tenant(keys=[revoked]))
    async with world.background.running():
        with pytest.raises(Unauthenticated) as refused:
            world.gateway.directory.authenticate("Bearer k")

    assert refused.value.code == "revoked_api_key"


async def test_a_replica_that_hears_of_no_ledger_starts_all_the_same(
    world, monkeypatch, caplog
):
    async def hangs(_):
        await asyncio.sleep(3600)

    monkeypatch.setattr(module, "_FIRST_S", 0.05)
    monkeypatch.setattr(world.ledger, "snapshot", hangs)
    async with world.background.running():
        known = world.gateway.directory.authenticate("Bearer k")

    assert known.id == "t"
    assert "no Ledger tells of the accounts" in caplog.text


async def test_tenants_of_the_store_are_known_soon_after_a_change(world):
    async with world.background.running():
        await world.ledger.put_tenant(tenant("new"))
        async with asyncio.timeout(20):
            while "new" not in world.gateway.directory.tenants:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    snapshot = world.gateway.directory.snapshot
    assert [each.id for each in snapshot.tenants] == ["new"]


async def test_what_a_dead_replica_held_is_free_when_its_records_are_found(
    world, tmp_path
):
    dead = World(tmp_path, world.ledger)
    await dead.spend(0.5)
    dead.journal.close()  # its lock goes, its files stay: as if it had been killed

    async with world.background.running(), asyncio.timeout(20):
        while (await world.ledger.budget("t")).leased:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert (await world.ledger.budget("t")).spend == 0.5


async def test_what_was_taken_in_though_nobody_said_so_is_held_no_longer(
    world, monkeypatch
):
    """The Ledger may die, or its database go away, when usage is in SQL already."""
    monkeypatch.setattr(holding, "IDLE_S", 0.05)
    take = world.ledger._usage.take

    async def lost(records):
        monkeypatch.setattr(world.ledger._usage, "take", take)
        await take(records)
        raise StoreUnavailable("the connection is gone")

    monkeypatch.setattr(world.ledger._usage, "take", lost)
    async with world.background.running(), asyncio.timeout(20):
        await world.spend(0.25)
        while world.background.health().usage_records_pending:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        while (await world.ledger.budget("t")).leased:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_soft_budget_that_is_spent_is_told_with_each_answer(world):
    await world.ledger.put_tenant(tenant(max_budget=8.0, soft_budget=0.2))
    async with world.background.running(), asyncio.timeout(20):
        await world.spend(0.25)
        while "t" not in world.gateway._warnings:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert world.gateway._warnings["t"].startswith(
        "0.25 USD are spent, the soft budget is 0.20; it begins anew at"
    )


async def test_a_soft_budget_of_the_configuration_alone_is_told_too(world):
    keys = [{"env": "TEST_KEY"}]
    soft = {"id": "soft", "alpha": 0.5, "soft_budget": 0.2, "keys": keys}
    world.gateway.apply({"tenants": [soft]})
    async with world.background.running(), asyncio.timeout(20):
        while "soft" not in world.ledger._configured:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        made = record(tenant="soft", cost_usd=0.25, replica=world.journal.replica)
        world.journal.append(replace(made, at=time.time()))
        while "soft" not in world.gateway._warnings:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_health_tells_what_waits_and_whether_the_ledger_answers(
    world, monkeypatch
):
    monkeypatch.setattr(module, "_AWAY_S", 0.1)
    monkeypatch.setattr(module, "_FIRST_S", 0.1)

    async def away(*_):
        raise Overloaded("no Ledger")

    for name in ("snapshot", "ingest"):
        monkeypatch.setattr(world.ledger, name, away)
    async with world.background.running(), asyncio.timeout(20):
        await world.spend(0.25)
        while world.background.health().ledger_reachable:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        report = world.background.health().report()

    assert report == {
        "status": "ready",
        "ledger": "away",
        "usage_journal": "writable",
        "usage_records_pending": 1,
    }


async def test_an_unforeseen_error_ends_no_loop(world, monkeypatch, caplog):
    taken, times = world.gateway.take, []

    def take(snapshot):
        times.append(snapshot)
        if len(times) < 3:
            raise RuntimeError("can't start new thread")
        taken(snapshot)

    monkeypatch.setattr(world.gateway, "take", take)
    async with world.background.running(), asyncio.timeout(20):
        await world.ledger.put_tenant(tenant("new"))
        while "new" not in world.gateway.directory.tenants:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert caplog.text.count("accounts cannot be refreshed: can't start") == 1
    assert "Traceback" in caplog.text


async def test_records_that_no_disk_takes_are_told_of_when_their_replica_ends(
    world, monkeypatch, caplog
):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    async with world.background.running():
        monkeypatch.setattr(world.journal, "append", full)
        world.recorder.append(record())

    said = "1 usage records are lost, of a replica that ends: No space left on device"
    assert said in caplog.text


async def test_a_ledger_that_is_silent_to_one_call_is_asked_again(
    world, monkeypatch, caplog
):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.3)
    snapshot = world.ledger.snapshot

    async def hangs(_):
        monkeypatch.setattr(world.ledger, "snapshot", snapshot)
        await asyncio.Event().wait()

    monkeypatch.setattr(world.ledger, "snapshot", hangs)
    async with world.background.running(), asyncio.timeout(20):
        await world.ledger.put_tenant(tenant("new"))
        while "new" not in world.gateway.directory.tenants:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert "accounts cannot be refreshed: TimeoutError" in caplog.text
