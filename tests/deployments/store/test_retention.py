"""Records that are old enough to go, and the spend that stays."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from deployments.store.tables import spend
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
    assert await store.spend("t", MAY, JULY) == 0.5


async def test_a_record_that_was_deleted_does_not_come_back(store):
    await store.ingest([record("use-1", MAY)])
    await store.delete_before(JUNE)

    assert await store.ingest([record("use-1", MAY), record("use-2", JUNE)]) == 1
    assert await store.delete_before(MAY) == 0
    assert await store.ingest([record("use-3", MAY)]) == 0
    assert await store.spend("t", MAY, JULY) == 0.5


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
    monkeypatch.setattr("deployments.store.usage_store._DELETED_AT_ONCE", 3)
    await store.ingest([record(f"use-{n}", MAY) for n in range(7)])

    assert await store.delete_before(JUNE) == 7
    assert await kept(store) == []
