"""Reports of usage, which anybody with a key may ask for, and as often as he likes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.errors import Overloaded
from deployments.limits.ledger import Ledger
from deployments.store.database import Database
from deployments.store.usage_query import UsageQuery
from tests.deployments.store.made import JULY, JUNE

QUERY = UsageQuery(JUNE, JULY, by=("day",))


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


async def test_they_leave_places_of_the_ledger_to_what_requests_wait_for(tmp_path):
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
