"""The accounts' rows: read into a State, and written from one.

What takes long with many tenants runs in a thread: the loop serves others meanwhile.
Of a row that cannot be read nothing is opened, and all others go on.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import Executable, Table, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.rollout import StoredArtifact, StoredRollout
from deployments.store.errors import StoreError
from deployments.store.state import KeyOrigin, State, StoredTenant, shut
from deployments.store.tables import (
    api_keys,
    artifacts,
    cost_tiers,
    directory,
    rollouts,
    tenants,
)
from deployments.tenancy import CostTier, TenantConfig

_Config = TypeVar("_Config", bound=BaseModel)
_RowList = list[dict[str, Any]]
# What is in force in the place of a row that cannot be read: it opens nothing.
_NO_MODELS = CostTier(alpha=0, models=frozenset())
_NO_ROLLOUT = StoredRollout()

logger = logging.getLogger(__name__)


async def read_version(connection: AsyncConnection, *, lock: bool = False) -> int:
    """The version; with `lock`, nobody else changes accounts until the end."""
    query = select(directory.c.version)
    query = query.with_for_update() if lock else query
    return int((await connection.execute(query)).scalar_one())


async def read_state(connection: AsyncConnection, version: int, known: State) -> State:
    """The state at `version`; of what `known` holds, only what changed is read."""
    if known.version == version:
        return known
    if known.version > version:
        known = State()  # the database was set back, or `known` is of a moment later
    ids = (await connection.execute(select(tenants.c.id))).scalars().all()
    read = await _read_tenants(connection, known.version)
    stored = await _read_documents(connection, artifacts)
    return State(
        version,
        {id: read.get(id) or known.tenants[id] for id in sorted(ids)},
        {
            name: _or(_NO_MODELS, name, document)
            for name, document in await _read_documents(connection, cost_tiers)
        },
        {
            name: _or(_nowhere(name), name, {**document, "name": name})
            for name, document in stored
        },
        {
            scope: _or(_NO_ROLLOUT, scope, document)
            for scope, document in await _read_documents(connection, rollouts)
        },
    )


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


_THIS_TENANT = tenants.c.id == bindparam("b_id")


async def _read_tenants(
    connection: AsyncConnection, after: int
) -> dict[str, StoredTenant]:
    """Those that changed after a version."""
    fresh = tenants.c.version > after
    columns = (api_keys.c.tenant_id, api_keys.c.id, api_keys.c.issued)
    query = select(*columns, api_keys.c.created_at, api_keys.c.document)
    keys: dict[str, list[Any]] = {}
    origins: dict[str, dict[str, KeyOrigin]] = {}
    query = query.join(tenants).where(fresh).order_by(api_keys.c.id)
    for tenant_id, id, issued, at, document in await connection.execute(query):
        keys.setdefault(tenant_id, []).append(document)
        origins.setdefault(tenant_id, {})[id] = KeyOrigin(issued, at)
    wanted = select(tenants.c.id, tenants.c.document).where(fresh)
    rows = (await connection.execute(wanted)).all()

    def parsed() -> dict[str, StoredTenant]:
        return {
            id: _tenant(id, document, keys.get(id, []), origins.get(id, {}))
            for id, document in rows
        }

    return await asyncio.to_thread(parsed)


async def _read_documents(connection: AsyncConnection, table: Table) -> list[Any]:
    """Of a table of names and documents, all rows by name."""
    [key] = table.primary_key
    query = select(key, table.c.document).order_by(key)
    return list((await connection.execute(query)).all())


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


def _tenant(
    id: str, document: Any, keys: list[Any], origins: Mapping[str, KeyOrigin]
) -> StoredTenant:
    whole = {**document, "keys": keys} if isinstance(document, dict) else document
    try:
        return StoredTenant(_parsed(TenantConfig, id, whole), origins)
    except StoreError as error:
        logger.error("tenant %r is refused, as it cannot be read: %s", id, error)
        return shut(id, str(error))


def _or(instead: _Config, name: str, document: Any) -> _Config:
    """What is stored, or `instead` of it, if that cannot be read."""
    try:
        return _parsed(type(instead), name, document)
    except StoreError as error:
        logger.error("%s; until it can be read, it is %r", error, instead)
        return instead


def _nowhere(name: str) -> StoredArtifact:
    """No Router can load it: who is pinned to it is served by what was before."""
    location = "what is stored of it cannot be read"
    return StoredArtifact.model_construct(name=name, location=location)


def _parsed(kind: type[_Config], name: str, document: Any) -> _Config:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(map(str, first["loc"]))
        raise StoreError(f"stored as {name!r}: {where}: {first['msg']}") from None
