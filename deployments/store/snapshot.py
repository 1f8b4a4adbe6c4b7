"""What the accounts tell others. It crosses processes, and knows nothing of SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deployments.tenancy import CostTier, KeyConfig, TenantConfig


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All tenants, by id, and all cost tiers, as of one moment.

    `version` grows with each change, and names the same content wherever it is met.
    """

    version: int
    tenants: tuple[TenantConfig, ...]
    cost_tiers: dict[str, CostTier]


@dataclass(frozen=True, slots=True)
class Change:
    """One tenant or cost tier that a change touched.

    `fields`: name → (before, after), of those that differ; of keys, `keys.KEY_ID`.
    """

    kind: Literal["created", "changed", "deleted"]
    id: str
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    of: Literal["tenant", "cost_tier"] = "tenant"


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
