"""Old usage records go, again and again, whatever the database does meanwhile."""

import asyncio
from datetime import timedelta

from deployments.limits.retention import retain
from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.store.usage_query import UsageQuery
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import JUNE, record

LATER = JUNE + timedelta(days=40)


class Flaky(UsageStore):
    """Is not there when it is first asked."""

    asked = 0

    async def delete_before(self, before):
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("down")
        return await super().delete_before(before)


async def test_records_are_kept_for_so_many_days(tmp_path, caplog):
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    await database.open()
    store = Flaky(database)
    within = LATER - timedelta(days=29)
    await store.ingest(
        [record("old", JUNE), record("within", within), record("new", LATER)]
    )
    keeping = asyncio.create_task(retain(store, 30, every_s=0.01, clock=lambda: LATER))
    async with asyncio.timeout(20):
        while store.asked < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    keeping.cancel()

    query = UsageQuery(JUNE, LATER + timedelta(days=1))
    assert [each.id async for each in store.export(query)] == ["within", "new"]
    assert "cannot be deleted now: down" in caplog.text
    await database.close()
