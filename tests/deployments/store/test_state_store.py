"""What others changed is seen, whole, as of one moment; changes follow each other."""

import asyncio

import pytest
from sqlalchemy import text

from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.snapshot import Snapshot
from deployments.tenancy import CostTier
from tests.deployments.store.made import fresh, tenant


@pytest.fixture
def accounts(database):
    return Accounts(database)


async def test_changes_of_others_are_seen(accounts, database):
    other = Accounts(database)
    await accounts.apply([tenant("a"), tenant("b"), tenant("c")])
    await accounts.apply([], {"gold": CostTier(alpha=1)})
    seen = await other.snapshot()
    await accounts.issue_key("b")
    await accounts.delete_tenant("c")
    await accounts.put_tenant(tenant("a", name="A"))

    again = await other.snapshot()
    assert again == await fresh(database) == await accounts.snapshot()
    assert again.version == seen.version + 3


async def test_a_database_that_was_set_back_is_believed(accounts, database):
    await accounts.apply([tenant("a")])
    await accounts.apply([tenant("b")])
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM tenants WHERE id = 'b'"))
        await connection.execute(text("UPDATE directory SET version = 2"))

    assert await accounts.snapshot() == Snapshot(2, (tenant("a"),), {})


async def test_after_it_was_set_back_the_same_versions_come_again(accounts, database):
    await accounts.apply([tenant("a")])
    issued = await accounts.issue_key("a")
    await accounts.revoke_key(issued.id)
    async with database.writing() as connection:  # to before the key was issued
        await connection.execute(text("DELETE FROM api_keys"))
        await connection.execute(text("UPDATE directory SET version = 2"))
    await accounts.snapshot()

    for name in "bc":
        await accounts.put_tenant(tenant(name))

    snapshot = await accounts.snapshot()
    assert snapshot == await fresh(database)
    assert snapshot == Snapshot(4, (tenant("a"), tenant("b"), tenant("c")), {})


async def test_concurrent_changes_follow_each_other(url, accounts, database):
    await accounts.put_tenant(tenant())
    others = [Database(url, busy_timeout_s=60) for _ in range(5)]

    async def issue(other: Database) -> None:
        for _ in range(5):
            await Accounts(other).issue_key("t")

    try:
        await asyncio.gather(*map(issue, others))
    finally:
        for other in others:
            await other.close()

    snapshot = await fresh(database)
    assert (snapshot.version, len(snapshot.tenants[0].keys)) == (27, 25)


async def test_a_snapshot_is_of_one_moment(url, accounts, database):
    """Two tenants change together; no snapshot may see only one of them."""
    await accounts.apply([tenant("a", name="0"), tenant("b", name="0")])
    other = Database(url)

    async def change() -> None:
        for number in range(1, 30):
            names = [tenant(id, name=str(number)) for id in "ab"]
            await Accounts(other).apply(names)

    changing = asyncio.create_task(change())
    while not changing.done():
        a, b = (await fresh(database)).tenants
        assert a.name == b.name
    await changing
    await other.close()
