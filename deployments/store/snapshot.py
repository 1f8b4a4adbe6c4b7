"""What the accounts tell others. It crosses processes, and knows nothing of SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from deployments.rollout import StoredArtifact, StoredRollout
from deployments.tenancy import CostTier, KeyConfig, TenantConfig


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All tenants, by id, all cost tiers, artifacts and rollouts, as of one moment.

    `version` grows with each change, and names the same content wherever it is met.
    `since`: only the tenants that changed after that version, and the ids of those that
    are `gone`; 0 = it is whole.
    """

    version: int
    tenants: tuple[TenantConfig, ...]
    cost_tiers: dict[str, CostTier]
    artifacts: dict[str, StoredArtifact] = field(default_factory=dict)
    rollouts: dict[str, StoredRollout] = field(default_factory=dict)  # by scope
    since: int = 0
    gone: tuple[str, ...] = ()

    def after(self, known: "Snapshot") -> "Snapshot":
        """What is new to those who have the whole of an earlier one."""
        old = {tenant.id: tenant for tenant in known.tenants}
        # What did not change is the same object, or at least equal.
        changed = tuple(
            tenant
            for tenant in self.tenants
            if (before := old.pop(tenant.id, None)) is not tenant and before != tenant
        )
        return replace(self, tenants=changed, since=known.version, gone=tuple(old))

    def onto(self, known: "Snapshot | None") -> "Snapshot":
        """The whole of it again; ValueError if `known` is not of `since`."""
        if not self.since:
            return self
        if known is None or known.version != self.since:
            raise ValueError(f"a change since version {self.since} of another one")
        tenants = {tenant.id: tenant for tenant in known.tenants}
        tenants |= {tenant.id: tenant for tenant in self.tenants}
        for id in self.gone:
            del tenants[id]
        whole = tuple(tenants[id] for id in sorted(tenants))
        return replace(self, tenants=whole, since=0, gone=())


@dataclass(frozen=True, slots=True)
class Change:
    """One tenant, cost tier, artifact or rollout (by scope) that a change touched.

    `fields`: name → (before, after), of those that differ; of keys, `keys.KEY_ID`.
    """

    kind: Literal["created", "changed", "deleted"]
    id: str
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    of: Literal["tenant", "cost_tier", "artifact", "rollout"] = "tenant"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its secret, which is shown this once and stored nowhere."""

    tenant_id: str
    secret: str = field(repr=False)
    key: KeyConfig

    @property
    def id(self) -> str:
        """By which it can be revoked."""
        return self.key.key_id
