"""The Ledger behind a Ray handle."""

from collections.abc import Mapping, Sequence
from typing import Any

from ray.serve.handle import DeploymentHandle

from deployments.errors import Overloaded
from deployments.handles import translated
from deployments.limits.ledger_protocol import (
    Ask,
    BudgetState,
    Grant,
    Resource,
    Return,
)
from deployments.rollout import Step, StoredArtifact
from deployments.store.snapshot import Change, IssuedKey, Snapshot
from deployments.store.usage_query import ShadowRow, UsageQuery, UsageRow
from deployments.tenancy import CostTier, KeyTerms, TenantConfig
from deployments.usage.record import UsageRecord


class RemoteLedger:
    """See LedgerLike; Overloaded if the Ledger cannot be reached."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def snapshot(self, known_version: int) -> Snapshot | None:
        """See LedgerLike."""
        found: Snapshot | None = await self._call("snapshot", known_version)
        return found

    async def lease(self, replica: str, asks: Sequence[Ask]) -> Sequence[Grant | None]:
        """See LedgerLike."""
        grants: Sequence[Grant | None] = await self._call("lease", replica, list(asks))
        return grants

    async def give_back(
        self, replica: str, returns: Sequence[Return]
    ) -> Sequence[Resource]:
        """See LedgerLike."""
        wanted: Sequence[Resource] | None
        wanted = await self._call("give_back", replica, list(returns))
        return wanted or ()  # a Ledger of an older release says nothing

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        """See LedgerLike."""
        return int(await self._call("ingest", list(records)))

    async def close_replica(self, replica: str) -> None:
        """See LedgerLike."""
        await self._call("close_replica", replica)

    async def budget(self, tenant: str) -> BudgetState:
        """See LedgerLike."""
        state: BudgetState = await self._call("budget", tenant)
        return state

    async def usage(self, query: UsageQuery) -> list[UsageRow]:
        """See LedgerLike."""
        rows: list[UsageRow] = await self._call("usage", query)
        return rows

    async def soft_budgets_reached(
        self, configured: Sequence[TenantConfig] = ()
    ) -> list[BudgetState]:
        """See LedgerLike."""
        terms = list(configured)
        found: list[BudgetState] = await self._call("soft_budgets_reached", terms)
        return found

    async def shadows(self, query: UsageQuery, shadow_id: str) -> list[ShadowRow]:
        """See LedgerLike."""
        rows: list[ShadowRow] = await self._call("shadows", query, shadow_id)
        return rows

    async def put_artifact(self, artifact: StoredArtifact) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("put_artifact", artifact)

    async def delete_artifact(self, name: str) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("delete_artifact", name)

    async def roll(self, scope: str, step: Step) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("roll", scope, step)

    async def tenants(self) -> list[TenantConfig]:
        """See LedgerLike."""
        found: list[TenantConfig] = await self._call("tenants")
        return found

    async def put_tenant(self, tenant: TenantConfig) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("put_tenant", tenant)

    async def edit_tenant(
        self, tenant_id: str, fields: Mapping[str, Any]
    ) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("edit_tenant", tenant_id, dict(fields))

    async def delete_tenant(self, tenant_id: str) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("delete_tenant", tenant_id)

    async def cost_tiers(self) -> dict[str, CostTier]:
        """See LedgerLike."""
        found: dict[str, CostTier] = await self._call("cost_tiers")
        return found

    async def put_cost_tier(self, name: str, tier: CostTier) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("put_cost_tier", name, tier)

    async def delete_cost_tier(self, name: str) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("delete_cost_tier", name)

    async def issue_key(self, tenant_id: str, terms: KeyTerms) -> IssuedKey:
        """See LedgerLike."""
        issued: IssuedKey = await self._call("issue_key", tenant_id, terms)
        return issued

    async def rotate_key(self, key_id: str, grace_s: float) -> IssuedKey:
        """See LedgerLike."""
        issued: IssuedKey = await self._call("rotate_key", key_id, grace_s)
        return issued

    async def revoke_key(self, key_id: str) -> list[Change]:
        """See LedgerLike."""
        return await self._changed("revoke_key", key_id)

    async def _changed(self, method: str, *what: object) -> list[Change]:
        changes: list[Change] = await self._call(method, *what)
        return changes

    async def _call(self, method: str, *arguments: object) -> Any:
        with translated("ledger", Overloaded):
            return await self._handle.call.remote(method, *arguments)
