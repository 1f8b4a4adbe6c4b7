"""Records that are old enough to go, and the spend that stays."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.store.lease_store import LeaseStore
from deployments.store.tables import deleted_records, spend
from deployments.store.usage_query import UsageQuery
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import JULY, JUNE, MAY, record


@pytest.fixture
def store(database):
    return UsageStore(database, clock=lambda: JULY)


async def kept(store) -> list[str]:
    query = UsageQuery(MAY, JULY)
    return [each.id async for each in store.export(query)]


async def test_what_is_spent_outlives_its_records(store):
    await store.ingest([record("use-1", MAY), record("use-2", JUNE)])

    assert await store.delete_before(JUNE) == 1
    assert await kept(store) == ["use-2"]
    assert (await store.spend_of("t", MAY, JULY)).cost_usd == 0.5


async def test_a_record_that_was_deleted_does_not_come_back(store):
    await store.ingest([record("use-1", MAY)])
    await store.delete_before(JUNE)

    assert await store.ingest([record("use-1", MAY), record("use-2", JUNE)]) == 1
    assert await store.delete_before(MAY) == 0
    assert await store.ingest([record("use-1", MAY, revision=9)]) == 0
    assert (await store.spend_of("t", MAY, JULY)).cost_usd == 0.5


async def test_a_record_that_comes_after_the_deletion_counts_once(store):
    await store.delete_before(JUNE)

    taken = await store.take([record("late", MAY)])
    assert taken.count == 1
    assert [charge.usd for charge in taken.charges] == [0.25]
    assert await store.delete_before(JUNE) == 1
    assert await store.ingest([record("late", MAY)]) == 0
    assert (await store.spend_of("t", MAY, JULY)).cost_usd == 0.25


async def test_what_comes_again_while_it_is_deleted_counts_once(
    database, store, monkeypatch
):
    monkeypatch.setattr("deployments.store.usage_store._AT_ONCE", 5)
    records = [record(f"use-{n:03}", MAY) for n in range(100)]
    await store.ingest(records)
    await asyncio.gather(
        store.delete_before(JUNE), *(store.ingest(records) for _ in range(20))
    )

    assert (await store.spend_of("t", MAY, JULY)).cost_usd == 25.0
    assert await kept(store) == []


async def test_ids_of_deleted_records_are_kept_as_long_as_their_spend(database, store):
    await store.ingest([record("use-1", MAY), record("use-2", JULY)])
    await store.delete_before(JULY)
    assert await deleted_ids(database) == {"use-1"}

    later = UsageStore(database, clock=lambda: MAY + timedelta(days=63))
    await later.delete_before(MAY + timedelta(days=63))
    assert await deleted_ids(database) == {"use-2"}
    assert await later.ingest([record("use-1", MAY), record("use-3", MAY)]) == 0


async def deleted_ids(database) -> set[str]:
    async with database.reading() as connection:
        return set((await connection.execute(select(deleted_records.c.id))).scalars())


async def test_what_is_yet_to_come_is_not_deleted_beforehand(store):
    await store.delete_before(JULY + timedelta(days=300))

    assert await store.ingest([record("use-1", JULY)]) == 1


async def test_spend_of_long_ago_is_deleted_in_the_end(database, store):
    await store.ingest([record("use-1", JUNE - timedelta(days=365)), record("use-2")])
    await store.delete_before(JUNE)

    async with database.reading() as connection:
        rows = (await connection.execute(select(spend.c.quarter))).scalars().all()
    assert rows == [JUNE]


async def test_many_are_deleted_in_parts(store, monkeypatch):
    monkeypatch.setattr("deployments.store.usage_store._AT_ONCE", 3)
    await store.ingest([record(f"use-{n}", MAY) for n in range(7)])

    assert await store.delete_before(JUNE) == 7
    assert await kept(store) == []


async def test_others_write_many_times_between_two_parts(database, store, monkeypatch):
    written, at_parts = 0, []

    async def slow(_connection, _before, _limit):
        at_parts.append(written)
        await asyncio.sleep(0.5)
        return len(at_parts) < 3

    monkeypatch.setattr("deployments.store.usage_store._AT_ONCE", 1)
    monkeypatch.setattr("deployments.store.usage_store.delete_some", slow)
    deleting = asyncio.create_task(store.delete_before(JUNE))
    leases = LeaseStore(database)
    while not deleting.done():
        await leases.put([("a", "t", 0, 1.0 + written)])
        written += 1

    assert min(b - a for a, b in pairwise(at_parts)) >= 3


async def test_a_clock_that_is_far_ahead_of_its_server_s_deletes_nothing(postgresql):
    """It deleted all there was, with what was spent, and nothing new was taken."""
    database = Database(postgresql.new_database())
    await database.open()
    now = datetime.now(UTC)
    ahead = UsageStore(database, clock=lambda: now + timedelta(days=400))
    await ahead.ingest([record("use-1", now)])
    with pytest.raises(StoreUnavailable, match="nothing is deleted"):
        await ahead.delete_before(now + timedelta(days=370))

    assert await ahead.ingest([record("use-1", now), record("use-2", now)]) == 1
    day = timedelta(days=1)
    assert (await ahead.spend_of("t", now - day, now + day)).cost_usd == 0.5
    await database.close()
