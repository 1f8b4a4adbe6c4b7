"""Calls that wait for SQL: as many as there are places, and nobody else had one."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.errors import Overloaded
from deployments.limits.ledger import Ledger
from deployments.limits.ledger_protocol import Ask, Resource
from deployments.store.database import Database
from deployments.store.usage_query import UsageQuery
from tests.deployments.limits.on_ledger import leased
from tests.deployments.store.made import JULY, JUNE, tenant

QUERY = UsageQuery(JUNE, JULY, by=("day",))
TERMS = tenant(max_budget=8.0, rpm_limit=5)


class Slow(Database):
    """Reads nothing until it is told to."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.go_on = asyncio.Event()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        await self.go_on.wait()
        async with super().reading() as connection:
            yield connection


@pytest.fixture
async def locked(tmp_path) -> AsyncIterator[tuple[Ledger, sqlite3.Connection]]:
    """A Ledger, and who keeps it from writing."""
    database = Database(f"sqlite:///{tmp_path / 'db'}", busy_timeout_s=60)
    ledger = Ledger(database, [TERMS])
    await ledger.open()
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield ledger, other
    await database.close()


async def test_asks_for_budgets_leave_places_of_the_ledger_to_all_else(locked):
    ledger, other = locked
    asked = [asyncio.create_task(leased(ledger, 0.001)) for _ in range(512)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        async with asyncio.timeout(5):
            await leased(ledger, 0.001)
    (grant,) = await ledger.lease("a", [Ask(Resource("rpm", "t"), 1)])

    assert (refused.value.retry_after_s, grant.amount) == (1, 1)
    other.execute("ROLLBACK")
    assert sum(await asyncio.gather(*asked)) == pytest.approx(8.0, abs=0.001)
    assert await leased(ledger, 1.0) == 0, "it is asked again, and there is no more"


async def test_what_a_client_asks_of_its_budget_waits_in_the_line_of_reports(locked):
    """Each took a place as long as SQL stood still."""
    ledger, other = locked
    lease = asyncio.create_task(leased(ledger, 1.0))
    asked = [asyncio.create_task(ledger.budget("t")) for _ in range(32)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        async with asyncio.timeout(5):
            await ledger.budget("t")

    other.execute("ROLLBACK")
    assert await lease == 1.0
    assert len(await asyncio.gather(*asked)) == 32


async def test_reports_leave_places_of_the_ledger_to_what_requests_wait_for(tmp_path):
    database = Slow(f"sqlite:///{tmp_path / 'db'}")
    database.go_on.set()
    ledger = Ledger(database)
    await ledger.open()
    database.go_on.clear()
    asked = [asyncio.create_task(ledger.usage(QUERY)) for _ in range(32)]
    await asyncio.sleep(0)
    for another in (ledger.usage(QUERY), ledger.shadows(QUERY, "a")):
        with pytest.raises(Overloaded) as refused:
            async with asyncio.timeout(5):
                await another

    assert refused.value.retry_after_s == 1
    database.go_on.set()
    assert await asyncio.gather(*asked) == [[]] * 32
    assert await ledger.usage(QUERY) == []
    await database.close()
