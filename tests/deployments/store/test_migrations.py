"""Migrations, up and down, against the tables that the code names."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text, update

from deployments.store.database import Database
from deployments.store.errors import StoreError, StoreUnavailable
from deployments.store.tables import metadata, retention
from deployments.store.usage_query import UsageQuery
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import JULY, JUNE, MAY, record


@pytest.fixture
async def bare(url):
    database = Database(url)
    yield database
    await database.close()


async def tables(database):
    async with database.writing() as connection:
        return set(await connection.run_sync(lambda c: inspect(c).get_table_names()))


async def test_what_is_migrated_equals_what_the_code_names(bare):
    await bare.open()

    async with bare.writing() as connection:
        differences = await connection.run_sync(
            lambda c: compare_metadata(
                MigrationContext.configure(c, opts={"compare_type": True}), metadata
            )
        )

    assert differences == []
    assert await tables(bare) == {*metadata.tables, "alembic_version"}


async def test_down_leaves_nothing_and_up_makes_all_again(bare):
    await bare.open()
    await bare.migrate("base")

    assert await tables(bare) == {"alembic_version"}

    await bare.migrate("head")
    assert await tables(bare) == {*metadata.tables, "alembic_version"}


async def test_each_step_can_be_gone_back(bare):
    up = ["0001", "0002", "0003", "0004", "0005", "0006"]
    for revision in (*up, *reversed(up[:-1]), "base", "head"):
        await bare.migrate(revision)

    assert await tables(bare) == {*metadata.tables, "alembic_version"}
    await bare.migrate("0001")
    assert not {"artifacts", "rollouts"} & await tables(bare)
    assert "leases" not in await tables(bare)


async def test_usage_records_are_kept_on_the_way_up_and_down(bare):
    await bare.open()
    await UsageStore(bare).ingest([record("use-1", shadow_model="small")])
    await bare.migrate("0002")
    await bare.migrate("head")

    [kept] = [each async for each in UsageStore(bare).export(UsageQuery(MAY, JULY))]
    assert kept == record("use-1")


async def test_what_was_deleted_before_ids_were_kept_is_not_taken_again(bare):
    await bare.migrate("0004")
    async with bare.writing() as connection:
        await connection.execute(update(retention).values(kept_since=JUNE))
    await bare.open()

    assert await UsageStore(bare).ingest([record("use-1", MAY)]) == 0
    assert await UsageStore(bare).ingest([record("use-2", JUNE)]) == 1


async def test_opening_again_changes_nothing(bare, url):
    await bare.open()
    again = Database(url)
    await again.open()
    await again.close()

    assert await tables(bare) == {*metadata.tables, "alembic_version"}


async def test_tables_of_a_newer_release_are_refused(bare):
    await bare.open()
    async with bare.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num='9999'"))

    with pytest.raises(StoreError, match="of revision 9999, which this release does"):
        await bare.open()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(bare):
    async with bare.writing() as connection:
        await connection.execute(text("CREATE TABLE spend (id INTEGER)"))

    with pytest.raises(Exception, match="already exists"):
        await bare.open(patience_s=0)

    assert await tables(bare) == {"spend"}


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_who_serves_does_not_wait_while_a_backup_holds_a_migration_up(bare, url):
    await bare.migrate("0003")
    backup, new = Database(url), Database(url)
    async with backup.reading() as reading:
        await reading.execute(text("SELECT count(*) FROM usage_records"))
        opening = asyncio.create_task(new.open(patience_s=0))
        await asyncio.sleep(0.3)

        async with asyncio.timeout(2), bare.writing() as connection:
            await connection.execute(text("DELETE FROM usage_records"))
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            await opening

    await new.open()
    assert "deleted_records" in await tables(new)
    await backup.close()
    await new.close()
