"""The statements that delete usage records, a part at a time.

Ids of what is deleted are kept as long as its spend: a journal that is shipped again
does not count twice. Whoever takes records in waits for a part, so none that is about
to go is taken for one that is there.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.store.errors import StoreUnavailable
from deployments.store.tables import (
    deleted_records,
    retention,
    spend,
    usage_records,
)
from deployments.store.upsert import insert_into

# Longer than any budget's period: what is spent in one can always be told.
_SPEND_KEPT = timedelta(days=62)
_MOST_AHEAD = timedelta(hours=1)


async def check_clock(connection: AsyncConnection, now: datetime) -> None:
    """StoreUnavailable if ours is far ahead of the server's: what was spent would be
    deleted with its records, and what comes until that time never be taken."""
    if connection.dialect.name != "postgresql":
        return  # the same machine's
    theirs: datetime = (
        await connection.execute(select(func.clock_timestamp()))
    ).scalar_one()
    if now - theirs > _MOST_AHEAD:
        what = f"the clock here says {now:%Y-%m-%d %H:%M}, the database's"
        raise StoreUnavailable(
            f"{what} {theirs:%Y-%m-%d %H:%M} UTC: nothing is deleted"
        )


async def begin_deletion(connection: AsyncConnection, before: datetime) -> None:
    """Say that records of before are deleted, and delete spend that no period needs."""
    oldest = before - _SPEND_KEPT
    for column, since in (
        (retention.c.kept_since, before),
        (retention.c.taken_since, oldest),
    ):
        statement = update(retention).where(column.is_(None) | (column < since))
        await connection.execute(statement.values({column: since}))
    await connection.execute(delete(spend).where(spend.c.quarter < oldest))


async def delete_some(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """The oldest records; how many there were."""
    taken_since = await _lock(connection)
    id, at = usage_records.c.id, usage_records.c.at
    old = select(id, at).where(at < before).order_by(at, id).limit(limit).subquery()
    known = select(old.c.id, old.c.at).where(old.c.at >= taken_since)
    statement = insert_into(connection, deleted_records).from_select(
        ["id", "at"], known
    )
    await connection.execute(statement.on_conflict_do_nothing())
    some = delete(usage_records).where(id.in_(select(old.c.id)))
    return (await connection.execute(some)).rowcount


async def forget_some(connection: AsyncConnection, limit: int) -> int:
    """Ids of records that would not be taken anyway; how many there were."""
    taken_since = await _lock(connection)
    id, at = deleted_records.c.id, deleted_records.c.at
    old = select(id).where(at < taken_since).limit(limit)
    some = delete(deleted_records).where(id.in_(old))
    return (await connection.execute(some)).rowcount


async def _lock(connection: AsyncConnection) -> datetime:
    """Nobody takes records in until the transaction ends."""
    query = select(retention.c.taken_since).with_for_update()
    taken_since: datetime = (await connection.execute(query)).scalar_one()
    return taken_since
