"""The accounts' rows, written from a State.

What takes long with many tenants runs in a thread: the loop serves others meanwhile.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Executable, Table, bindparam, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.store.state import State, StoredTenant
from deployments.store.tables import (
    api_keys,
    artifacts,
    cost_tiers,
    directory,
    rollouts,
    tenants,
)

_RowList = list[dict[str, Any]]
_THIS_TENANT = tenants.c.id == bindparam("b_id")


async def write_state(connection: AsyncConnection, before: State, after: State) -> None:
    """Make the rows of `before` those of `after`, whose version is the new one."""
    old = before.tenants
    changed = [new for id, new in after.tenants.items() if old.get(id) is not new]
    gone = [{"b_id": id} for id in old if id not in after.tenants]
    known = [{"b_id": new.config.id} for new in changed if new.config.id in old]
    rows, key_rows = await asyncio.to_thread(_rows, changed, after.version)
    # A key may pass from one tenant to another: all go before any comes.
    keys = delete(api_keys).where(api_keys.c.tenant_id == bindparam("b_id"))
    await _run(connection, keys, [*gone, *known])
    await _run(connection, delete(tenants).where(_THIS_TENANT), gone)
    await _run(
        connection,
        update(tenants).where(_THIS_TENANT),
        [{"b_id": row["id"], **row} for row in rows if row["id"] in old],
    )
    await _run(connection, insert(tenants), [r for r in rows if r["id"] not in old])
    await _run(connection, insert(api_keys), key_rows)
    for table, was, now in (
        (cost_tiers, before.cost_tiers, after.cost_tiers),
        (artifacts, before.artifacts, after.artifacts),
        (rollouts, before.rollouts, after.rollouts),
    ):
        await _write_documents(connection, table, was, now)
    await connection.execute(update(directory).values(version=after.version))


async def _write_documents(
    connection: AsyncConnection,
    table: Table,
    before: Mapping[str, BaseModel],
    after: Mapping[str, BaseModel],
) -> None:
    """Only the rows that differ are touched."""
    [key] = table.primary_key
    old = [{"b_key": name} for name in before if before[name] != after.get(name)]
    new = [
        {key.name: name, "document": _document(document, exclude={"name"})}
        for name, document in after.items()
        if document != before.get(name)
    ]
    await _run(connection, delete(table).where(key == bindparam("b_key")), old)
    await _run(connection, insert(table), new)


async def _run(
    connection: AsyncConnection, statement: Executable, rows: Sequence[dict[str, Any]]
) -> None:
    if rows:
        await connection.execute(statement, rows)


def _rows(changed: Sequence[StoredTenant], version: int) -> tuple[_RowList, _RowList]:
    """Of tenants, and of their keys."""
    return (
        [_tenant_row(tenant, version) for tenant in changed],
        [row for tenant in changed for row in _key_rows(tenant)],
    )


def _tenant_row(tenant: StoredTenant, version: int) -> dict[str, Any]:
    document = _document(tenant.config, exclude={"keys"})
    return {"id": tenant.config.id, "document": document, "version": version}


def _key_rows(tenant: StoredTenant) -> list[dict[str, Any]]:
    return [
        {
            "id": key.key_id,
            "tenant_id": tenant.config.id,
            "sha256": key.sha256,
            "issued": tenant.origins[key.key_id].issued,
            "revoked": key.revoked,
            "created_at": tenant.origins[key.key_id].created_at,
            "document": _document(key),
        }
        for key in tenant.config.keys
    ]


def _document(config: BaseModel, exclude: set[str] | None = None) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude_defaults=True, exclude=exclude)
