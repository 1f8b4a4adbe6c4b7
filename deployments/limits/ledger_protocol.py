"""What crosses between a Gateway replica and the Ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from deployments.rollout import Step, StoredArtifact
from deployments.store.snapshot import Change, IssuedKey, Snapshot
from deployments.store.usage_query import ShadowRow, UsageQuery, UsageRow
from deployments.tenancy import CostTier, KeyTerms, TenantConfig
from deployments.usage.record import UsageRecord

# A lease that nobody drew on for so long goes back, if nothing else is said.
IDLE_S = 2.0

Kind = Literal["budget", "rpm", "tpm", "parallel"]


@dataclass(frozen=True, slots=True)
class Resource:
    """An allowance: of a tenant, or of one of its keys (`key_id`).

    `budget` is in USD for the tenant's period, `rpm` and `tpm` in requests and tokens
    in any minute, `parallel` in requests that are under way.
    """

    kind: Kind
    tenant: str
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A replica needs a lease of at least `need`.

    `terms`: the tenant as the replica's configuration states it. They count where the
    store has no such tenant. `returns`: what it holds of the same resource and gives
    back first.
    """

    resource: Resource
    need: float
    terms: TenantConfig | None = None
    returns: "tuple[Return, ...]" = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """`amount` is 0 where there is not so much; then `left` is what there is.

    `resets_at` (unix time): when there is so much again if nothing was granted, else
    when all of it is there again; None if that cannot be told.
    `good_for_s`: after that the rest must be given back, None = as long as one likes;
    if nothing was granted, after that it may be asked for again.
    `period` names what the lease is of: give it back under that. Of a rate it is the
    tick in which the slice ends (`allowances`).
    `idle_s`: what nobody has drawn on for so long is to be given back.
    """

    amount: float
    capacity: float
    left: float
    resets_at: float | None
    good_for_s: float | None
    period: int
    idle_s: float = IDLE_S


@dataclass(frozen=True, slots=True)
class Return:
    """A replica gives a part of its lease back.

    Of a rate, `period` is a tick, and an `amount` < 0 was used in that tick: what was
    used of a slice is given back under the slice's end, and told of its own tick.
    `rest`: it holds nothing more of it, and all that it used has been reported. So
    what was leased and never arrived is found.
    """

    resource: Resource
    period: int
    amount: float
    rest: bool = False


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A tenant's budget as the Ledger knows it; USD. `max_budget` None = no limit."""

    tenant: str
    spend: float
    leased: float
    max_budget: float | None
    soft_budget: float | None
    start: datetime
    end: datetime

    @property
    def soft_budget_reached(self) -> bool:
        """Whether the tenant is warned."""
        return self.soft_budget is not None and self.spend >= self.soft_budget


class LedgerLike(Protocol):
    """Budgets, limits, usage and accounts: one for all replicas.

    Every method may raise ServingError; `Overloaded` where the store is down.
    """

    async def snapshot(self, known_version: int) -> Snapshot | None:
        """The accounts, whole or what changed since; None if nothing did. Who knows
        none (0) is told what was read last while the store is away."""

    async def lease(self, replica: str, asks: Sequence[Ask]) -> Sequence[Grant | None]:
        """One grant for each; None where the resource has no limit."""

    async def give_back(
        self, replica: str, returns: Sequence[Return]
    ) -> Sequence[Resource]:
        """Parts of leases that are not needed; none of them: "I am alive".

        Of which places others were refused some: what it has free of these, and what
        becomes free, it is to give back at once. And which budgets are short: of these
        it is to keep nothing that it does not use.
        """

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        """Take usage records into the store and count them against the budgets.

        How many were new. Again is no harm: ids and revisions tell.
        """

    async def close_replica(self, replica: str) -> None:
        """All records of a replica that is gone have been taken: end its leases."""

    async def budget(self, tenant: str) -> BudgetState:
        """How much of its budget a tenant has used; NotFound if there is none."""

    async def soft_budgets_reached(
        self, configured: Sequence[TenantConfig] = ()
    ) -> list[BudgetState]:
        """Of the tenants that have spent so much since this Ledger began.

        `configured`: those whom nothing but a soft budget bounds, as the replica's
        configuration states them. They ask for no lease that would tell of them.
        """

    async def usage(self, query: UsageQuery) -> list[UsageRow]:
        """Sums of usage records."""

    async def shadows(self, query: UsageQuery, shadow_id: str) -> list[ShadowRow]:
        """What a second artifact decided, by the artifact that did decide."""

    async def put_artifact(self, artifact: StoredArtifact) -> list[Change]:
        """Register one; InvalidRequest if its name is taken by another in use."""

    async def delete_artifact(self, name: str) -> list[Change]:
        """NotFound if there is none, InvalidRequest while it is in use."""

    async def roll(self, scope: str, step: Step) -> list[Change]:
        """One step of a rollout: the gateway's (`*`) or a tenant's."""

    async def tenants(self) -> list[TenantConfig]:
        """All of them."""

    async def put_tenant(self, tenant: TenantConfig) -> list[Change]:
        """Create or replace one; InvalidRequest if it contradicts what is stored."""

    async def edit_tenant(
        self, tenant_id: str, fields: Mapping[str, Any]
    ) -> list[Change]:
        """Change these fields of one, None: to their defaults; NotFound if there is
        none, InvalidRequest if that makes no tenant or contradicts what is stored."""

    async def delete_tenant(self, tenant_id: str) -> list[Change]:
        """NotFound if there is none."""

    async def cost_tiers(self) -> dict[str, CostTier]:
        """Those of the store."""

    async def put_cost_tier(self, name: str, tier: CostTier) -> list[Change]:
        """Create or replace one."""

    async def delete_cost_tier(self, name: str) -> list[Change]:
        """NotFound if there is none, InvalidRequest while it is in use."""

    async def issue_key(self, tenant_id: str, terms: KeyTerms) -> IssuedKey:
        """A new key, its secret in it this once."""

    async def rotate_key(self, key_id: str, grace_s: float) -> IssuedKey:
        """A new key on the same terms; the old one ends after `grace_s`."""

    async def revoke_key(self, key_id: str) -> list[Change]:
        """It opens nothing from now on."""
