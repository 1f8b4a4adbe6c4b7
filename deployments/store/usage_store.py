"""Usage records in SQL: each once, and the spend that they make."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.store.database import Database
from deployments.store.shadow_sql import read_shadows
from deployments.store.spend_sql import read_spends
from deployments.store.tables import usage_records
from deployments.store.usage_deletion import (
    begin_deletion,
    check_clock,
    delete_some,
    forget_some,
)
from deployments.store.usage_ingest import take_rows
from deployments.store.usage_query import (
    ShadowRow,
    Spend,
    Taken,
    UsageQuery,
    UsageRow,
)
from deployments.store.usage_rows import record_of, row_of
from deployments.store.usage_sql import condition, read_rows
from deployments.usage.record import UsageRecord

# At a time, of those that anybody with a key may ask for: the database's other
# connections are for what budgets and accounts wait for.
_REPORTS = 4
_PAGE = 2000
_AT_ONCE = 2_000


class UsageStore:
    """Every method may raise StoreUnavailable; nothing was changed then."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._clock = clock
        self._reports = asyncio.Semaphore(_REPORTS)

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        """As `take`; how many were new or of a higher revision."""
        return (await self.take(records)).count

    async def take(self, records: Sequence[UsageRecord]) -> Taken:
        """Write these records, and tell by how much spend has changed.

        All or none, and again is no harm: of each id the highest revision counts.
        Spend changes by the difference in the same transaction. What `delete_before`
        deleted is passed over. ValueError or Refused if one is broken: the others can
        be taken without it.
        """
        latest: dict[str, UsageRecord] = {}
        for record in records:
            known = latest.get(record.id)
            if known is None or known.revision <= record.revision:
                latest[record.id] = record
        # Whoever takes the same ids takes them in the same order, so none waits for
        # one that waits for it.
        rows = sorted(map(row_of, latest.values()), key=lambda row: str(row["id"]))
        if not rows:
            return Taken(0)
        async with self._database.writing() as connection:
            return await take_rows(connection, rows)

    async def spend_of(self, tenant_id: str, start: datetime, end: datetime) -> Spend:
        """What a tenant spent by requests from `start` to `end`, and what is not known.

        Both at a quarter of an hour, as budget periods are.
        """
        return (await self.spends(start, end)).get(tenant_id, Spend())

    async def spends(self, start: datetime, end: datetime) -> dict[str, Spend]:
        """The same of each tenant that had a request, in one query."""
        async with self._database.reading() as connection:
            return await read_spends(connection, start, end)

    async def rows(self, query: UsageQuery) -> list[UsageRow]:
        """The answer to a query, in the order of its dimensions."""
        async with self._reports, self._database.reading() as connection:
            return await read_rows(connection, query)

    async def shadows(self, query: UsageQuery, shadow_id: str) -> list[ShadowRow]:
        """What a second artifact decided beside the others."""
        async with self._reports, self._database.reading() as connection:
            return await read_shadows(connection, query, shadow_id)

    async def export(self, query: UsageQuery) -> AsyncIterator[UsageRecord]:
        """Its records by time; `by` means nothing here. A slow reader holds no lock."""
        at, id = usage_records.c.at, usage_records.c.id
        page = select(usage_records).where(condition(query)).order_by(at, id)
        page = page.limit(_PAGE)
        asked = page
        while True:
            async with self._database.reading() as connection:
                rows = (await connection.execute(asked)).mappings().all()
            for row in rows:
                yield record_of(row)
            if len(rows) < _PAGE:
                return
            last = rows[-1]
            later = or_(at > last["at"], and_(at == last["at"], id > last["id"]))
            asked = page.where(at >= last["at"], later)

    async def delete_before(self, before: datetime) -> int:
        """Delete the records of requests that came earlier; how many there were.

        Spend stays as it was for at least 62 days before, longer than any period. So
        long, what comes late and was never taken still counts, until it is deleted too.
        """
        now = self._clock()
        before = min(before, now)
        async with self._database.writing() as connection:
            await check_clock(connection, now)
            await begin_deletion(connection, before)
        deleted = await self._in_parts(lambda c: delete_some(c, before, _AT_ONCE))
        await self._in_parts(lambda c: forget_some(c, _AT_ONCE))
        return deleted

    async def _in_parts(self, part: Callable[[AsyncConnection], Awaitable[int]]) -> int:
        """Records keep coming meanwhile: they wait for a part, not for all.

        After a part as much time is for others, who write many times for one batch of
        records; and SQLite lets other processes in only if they try just then.
        """
        clock = asyncio.get_running_loop().time
        total = 0
        while True:
            async with self._database.writing() as connection:
                began = clock()
                count = await part(connection)
            total += count
            if count < _AT_ONCE:
                return total
            await asyncio.sleep(clock() - began)
