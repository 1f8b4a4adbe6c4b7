"""The accounts' rows, read into a State.

What takes long with many tenants runs in a thread: the loop serves others meanwhile.
Of a row that cannot be read nothing is opened, and all others go on.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artifacts.errors import first_of
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
        raise StoreError(f"stored as {name!r}: {first_of(error)}") from None
