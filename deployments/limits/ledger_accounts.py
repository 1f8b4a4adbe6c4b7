"""The Ledger's accounts: what an administrator changes, and what replicas are told."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from artifacts.errors import first_of
from deployments.limits.store_failures import told_to_clients
from deployments.rollout import Step, StoredArtifact
from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.errors import Refused, StoreUnavailable
from deployments.store.rollouts import Rollouts
from deployments.store.snapshot import Change, IssuedKey, Snapshot
from deployments.tenancy import CostTier, KeyTerms, TenantConfig
from deployments.tenant_edit import edited

_VERSIONS_KEPT = 16

logger = logging.getLogger(__name__)


class LedgerAccounts:
    """That part of LedgerLike.

    `tiers` are the names of the configuration's cost tiers, `artifacts` those that it
    declares, by name. `stored`: is told of all tenants of the store when they change.
    """

    def __init__(
        self,
        database: Database,
        tiers: Collection[str],
        artifacts: Mapping[str, str],
        stored: Callable[[Mapping[str, TenantConfig]], None],
    ) -> None:
        self._accounts = Accounts(database, configured=tiers)
        self._rollouts = Rollouts(self._accounts)
        self._artifacts = artifacts
        self._tell_stored = stored
        # One read after another: what a slow one brings must not replace newer terms.
        self._reading = asyncio.Lock()
        self._version = 0
        self._sent: dict[int, Snapshot] = {}  # by version, the latest
        self._latest: Snapshot | None = None  # what was read last

    def configure(self, tiers: Collection[str]) -> None:
        """The configuration defines these cost tiers from now on."""
        self._accounts.configure(tiers)

    async def declare(self, artifacts: Mapping[str, str]) -> None:
        """The configuration declares these artifacts from now on, by name."""
        self._artifacts = artifacts
        if self._version:  # else it is done when the database is there
            async with self._changing():
                await self._rollouts.declare(artifacts)

    async def open_accounts(self) -> None:
        """The database is there."""
        await self._rollouts.declare(self._artifacts)
        snapshot = await self._accounts.snapshot()
        self._version = snapshot.version
        self._latest = snapshot
        self._tell_stored(_by_id(snapshot))

    def unreadable_tenants(self) -> int:
        """How many of the store are shut, as it was read last."""
        return self._accounts.unreadable

    async def snapshot(self, known_version: int) -> Snapshot | None:
        """See LedgerLike."""
        async with told_to_clients():
            try:
                if await self._accounts.version() == known_version:
                    return None
                snapshot = await self._read()
            except StoreUnavailable:
                if known_version or self._latest is None:
                    raise
                # A replica that starts now would else know nobody of the store.
                return self._latest
        # All of many thousand tenants would keep a replica busy for a while.
        known = self._sent.get(known_version)
        return snapshot if known is None else snapshot.after(known)

    async def put_artifact(self, artifact: StoredArtifact) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._rollouts.put_artifact(artifact)

    async def delete_artifact(self, name: str) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._rollouts.delete_artifact(name)

    async def roll(self, scope: str, step: Step) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._rollouts.roll(scope, step)

    async def tenants(self) -> list[TenantConfig]:
        """See LedgerLike."""
        async with told_to_clients():
            return list((await self._read()).tenants)

    async def put_tenant(self, tenant: TenantConfig) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.put_tenant(tenant)

    async def edit_tenant(
        self, tenant_id: str, fields: Mapping[str, Any]
    ) -> list[Change]:
        """See LedgerLike."""

        def edit(known: TenantConfig) -> TenantConfig:
            try:
                return edited(known, fields)
            except ValidationError as error:
                raise Refused(first_of(error, "tenant")) from None

        async with self._changing():
            return await self._accounts.edit_tenant(tenant_id, edit)

    async def delete_tenant(self, tenant_id: str) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.delete_tenant(tenant_id)

    async def cost_tiers(self) -> dict[str, CostTier]:
        """See LedgerLike."""
        async with told_to_clients():
            return dict((await self._read()).cost_tiers)

    async def put_cost_tier(self, name: str, tier: CostTier) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.put_cost_tier(name, tier)

    async def delete_cost_tier(self, name: str) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.delete_cost_tier(name)

    async def issue_key(self, tenant_id: str, terms: KeyTerms) -> IssuedKey:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.issue_key(tenant_id, terms)

    async def rotate_key(self, key_id: str, grace_s: float) -> IssuedKey:
        """See LedgerLike."""
        async with self._changing():
            grace = timedelta(seconds=grace_s)
            return await self._accounts.rotate_key(key_id, grace=grace)

    async def revoke_key(self, key_id: str) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.revoke_key(key_id)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """What was changed is known here at once, or by the next reading if this one
        fails. It is done all the same: who is told that it is not loses a new key,
        whose secret stands in the answer and nowhere else."""
        async with told_to_clients():
            yield
        try:
            await self._read()
        except StoreUnavailable as error:
            logger.warning("a change was made, but cannot be read now: %s", error)

    async def _read(self) -> Snapshot:
        async with self._reading:
            snapshot = await self._accounts.snapshot()
            self._know(snapshot)
        return snapshot

    def _know(self, snapshot: Snapshot) -> None:
        if snapshot.version < self._version:
            self._sent.clear()  # the database was set back: numbers come again
        if snapshot.version != self._version:
            self._version = snapshot.version
            self._tell_stored(_by_id(snapshot))
        self._latest = snapshot
        self._sent[snapshot.version] = snapshot
        while len(self._sent) > _VERSIONS_KEPT:
            del self._sent[min(self._sent)]


def _by_id(snapshot: Snapshot) -> dict[str, TenantConfig]:
    return {tenant.id: tenant for tenant in snapshot.tenants}
