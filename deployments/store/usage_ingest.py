"""The statements that take usage records in. Concurrent ones lose nothing.

A record is first inserted where its id is free: the database makes one of two that
insert it at a time wait for the other. What was not inserted is there for certain, and
locked before it is compared. So what a row of spend gains is known to the nano-dollar.

A journal may be shipped late, so also after a deletion: what was never taken counts,
what was taken and deleted does not count again. Nothing is deleted meanwhile.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.store.tables import (
    SPEND_SUMS,
    deleted_records,
    retention,
    spend,
    usage_records,
)
from deployments.store.upsert import insert_into
from deployments.store.usage_query import Taken
from deployments.store.usage_rows import Row, charges_of, spend_of

_BATCH = 1000
_COMPARED = (
    "id",
    "revision",
    "tenant",
    "at",
    "replica",
    "cost_nusd",
    "reserved_nusd",
)


async def take_rows(connection: AsyncConnection, rows: Sequence[Row]) -> Taken:
    """What came of it. Ids are distinct and in order."""
    rows = await _without_deleted(connection, rows)
    added: list[Row] = []
    replaced: list[Row] = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        new = await _insert_new(connection, batch)
        others = {row["id"]: row for row in batch if row["id"] not in new}
        old = await _replace_older(connection, others) if others else []
        added += [row for row in batch if row["id"] in new]
        added += [others[row["id"]] for row in old]
        replaced += old
    await _add_spend(connection, spend_of(added, replaced))
    return Taken(len(added), charges_of(added, replaced))


async def _without_deleted(
    connection: AsyncConnection, rows: Sequence[Row]
) -> Sequence[Row]:
    query = select(retention.c.kept_since, retention.c.taken_since)
    found = (await connection.execute(query.with_for_update(read=True))).one()
    kept_since: datetime | None = found.kept_since
    taken_since: datetime | None = found.taken_since
    if taken_since is not None:
        rows = [row for row in rows if row["at"] >= taken_since]
    if kept_since is None:
        return rows
    late = [row["id"] for row in rows if row["at"] < kept_since]
    deleted: set[str] = set()
    for start in range(0, len(late), _BATCH):
        deleted |= await _deleted(connection, late[start : start + _BATCH])
    return [row for row in rows if row["id"] not in deleted]


async def _deleted(connection: AsyncConnection, ids: Collection[str]) -> set[str]:
    query = select(deleted_records.c.id).where(deleted_records.c.id.in_(ids))
    return set((await connection.execute(query)).scalars())


async def _insert_new(connection: AsyncConnection, rows: Sequence[Row]) -> set[str]:
    statement = insert_into(connection, usage_records).on_conflict_do_nothing(
        index_elements=[usage_records.c.id]
    )
    ids = await connection.execute(statement.returning(usage_records.c.id), rows)
    return set(ids.scalars())


async def _replace_older(
    connection: AsyncConnection, rows: dict[str, Row]
) -> list[Row]:
    """What was there of those whose revision is higher now."""
    query = select(*(usage_records.c[name] for name in _COMPARED))
    query = query.where(usage_records.c.id.in_(list(rows))).order_by("id")
    found = (await connection.execute(query.with_for_update())).mappings().all()
    old = [row for row in found if row["revision"] < rows[row["id"]]["revision"]]
    if old:
        columns: dict[str, Any] = {
            column.name: bindparam(f"b_{column.name}")
            for column in usage_records.c
            if column.name != "id"
        }
        statement = update(usage_records).values(columns)
        statement = statement.where(usage_records.c.id == bindparam("b_id"))
        values = [
            {f"b_{name}": value for name, value in rows[row["id"]].items()}
            for row in old
        ]
        await connection.execute(statement, values)
    return [dict(row) for row in old]


async def _add_spend(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    if not rows:
        return
    statement = insert_into(connection, spend)
    sums = {name: spend.c[name] + statement.excluded[name] for name in SPEND_SUMS}
    statement = statement.on_conflict_do_update(
        index_elements=[spend.c.tenant, spend.c.quarter], set_=sums
    )
    await connection.execute(statement, rows)
