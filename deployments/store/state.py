"""The accounts as values, and what the commands make of them. Pure; knows no SQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from deployments.rollout import DEFAULT, StoredArtifact, StoredRollout
from deployments.store.errors import Missing, Refused
from deployments.tenancy import CostTier, KeyConfig, TenantConfig


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """`issued` by us, or listed in a file of tenants."""

    issued: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredTenant:
    """A tenant, its keys in the order of their ids, and whence each came.

    `unreadable`: what is wrong with its rows (see `shut`).
    """

    config: TenantConfig
    origins: Mapping[str, KeyOrigin]
    unreadable: str | None = None

    def with_keys(
        self, keys: Sequence[KeyConfig], origins: Mapping[str, KeyOrigin]
    ) -> "StoredTenant":
        """The same with these keys; the origins of others are dropped."""
        ordered = sorted(keys, key=lambda key: key.key_id)
        return StoredTenant(
            self.config.model_copy(update={"keys": tuple(ordered)}),
            {key.key_id: origins[key.key_id] for key in ordered},
        )


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is stored of accounts, as of one version."""

    version: int = 0
    tenants: Mapping[str, StoredTenant] = field(default_factory=dict)
    cost_tiers: Mapping[str, CostTier] = field(default_factory=dict)
    artifacts: Mapping[str, StoredArtifact] = field(default_factory=dict)
    rollouts: Mapping[str, StoredRollout] = field(default_factory=dict)  # by scope

    def tenant(self, tenant_id: str) -> StoredTenant:
        """Missing if there is none, Refused if what is stored of it makes no sense."""
        self.require(tenant_id)
        stored = self.tenants[tenant_id]
        if stored.unreadable is None:
            return stored
        what = f"the tenant {tenant_id!r} cannot be read, so it can only be deleted"
        raise Refused(f"{what}: {stored.unreadable}")

    def require(self, tenant_id: str) -> None:
        """Missing if there is none of this id."""
        if tenant_id not in self.tenants:
            what = f"there is no tenant {tenant_id!r} in the store"
            raise Missing(f"{what}; the configuration's are changed in it")

    def key(self, key_id: str) -> tuple[StoredTenant, KeyConfig]:
        """A key and its tenant; Missing if there is none."""
        for tenant in self.tenants.values():
            for key in tenant.config.keys if key_id in tenant.origins else ():
                if key.key_id == key_id:
                    return tenant, key
        raise Missing(f"there is no key {key_id!r}")

    def replaced(self, tenant: StoredTenant) -> "State":
        """With this tenant in place of the one of its id."""
        return replace(self, tenants={**self.tenants, tenant.config.id: tenant})


def shut(tenant_id: str, why: str) -> StoredTenant:
    """In place of a tenant whose rows make no sense.

    It has no key and no budget. That it is there at all keeps a configured tenant of
    its id out, whose keys would open instead.
    """
    # Not checked: its id may be what makes no sense.
    config = TenantConfig.model_construct(
        id=tenant_id, name=f"cannot be read: {why}", alpha=0.0, max_budget=0.0
    )
    return StoredTenant(config, {}, why)


def with_key(state: State, tenant_id: str, key: KeyConfig, now: datetime) -> State:
    """With one more key, issued `now`."""
    tenant = state.tenant(tenant_id)
    origins = {**tenant.origins, key.key_id: KeyOrigin(True, now)}
    return state.replaced(tenant.with_keys([*tenant.config.keys, key], origins))


def with_changed_key(state: State, key: KeyConfig) -> State:
    """With this in place of the key of its id."""
    tenant, old = state.key(key.key_id)
    keys = [key if each is old else each for each in tenant.config.keys]
    return state.replaced(tenant.with_keys(keys, tenant.origins))


def without_tenant(state: State, tenant_id: str) -> State:
    """Without it and its keys, readable or not; Missing if there is none."""
    state.require(tenant_id)
    others = {k: tenant for k, tenant in state.tenants.items() if k != tenant_id}
    return replace(state, tenants=others)


def with_tier(state: State, name: str, tier: CostTier) -> State:
    """With one more cost tier, or in place of the one of its name."""
    return replace(state, cost_tiers={**state.cost_tiers, name: tier})


def without_tier(state: State, name: str, configured: Collection[str]) -> State:
    """Without it; Refused while it is in use, but where `configured` has it, too."""
    if name not in state.cost_tiers:
        what = f"there is no cost tier {name!r} in the store"
        raise Missing(f"{what}; the configuration's are changed in it")
    tenants = state.tenants.values()
    users = [each.config.id for each in tenants if name in each.config.named_tiers]
    if users and name not in configured:
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        named = ", ".join(users[:3])
        raise Refused(f"the cost tier {name!r} is in use by {named}{more}")
    tiers = {k: tier for k, tier in state.cost_tiers.items() if k != name}
    return replace(state, cost_tiers=tiers)


def checked(
    state: State,
    before: State | None = None,
    configured: Collection[str] | None = None,
) -> State:
    """The same; Refused if a tier or an artifact is not defined, or a key opens two.

    A tenant that named what is not defined `before`, too, is let be: whoever changes
    another one, or revokes a key, did not do it. `configured`: cost tiers that are
    defined elsewhere; None: they are not known here, as to a command on the database.
    """
    before = before or State()
    configured = frozenset(configured) if configured is not None else None
    owners: dict[str, str] = {}
    for tenant in state.tenants.values():
        config = tenant.config
        lacked = _undefined_tiers(state, config.id, configured)
        if lacked and (new := lacked - _undefined_tiers(before, config.id, configured)):
            what = undefined_tier(min(new), configuration_known=configured is not None)
            raise Refused(f"tenants.{config.id}: {what}")
        old = before.tenants.get(config.id)
        if old is None or old.config.artifact != config.artifact:
            check_artifact(state, config.artifact, f"tenants.{config.id}.artifact")
        for key in config.keys:
            for mark in (f"id {key.key_id}", secret_mark(key)):
                if mark in owners:
                    raise Refused(
                        f"tenants.{config.id}.keys: {key.key_id!r} is a key of tenant "
                        f"{owners[mark]!r} already"
                    )
                owners[mark] = config.id
    return state


def _undefined_tiers(
    state: State, tenant_id: str, configured: frozenset[str] | None
) -> frozenset[str]:
    stored = state.tenants.get(tenant_id)
    if stored is None:
        return frozenset()
    named = stored.config.named_tiers
    return named - state.cost_tiers.keys() - (configured or frozenset())


def undefined_tier(name: str, *, configuration_known: bool) -> str:
    """What is said of a cost tier that nobody defines, as far as is known here."""
    what = f"cost tier {name!r} is not defined"
    if configuration_known:
        return what
    return f"{what} in the database (the configuration's: by the admin API only)"


def check_artifact(state: State, name: str | None, where: str = "artifact") -> None:
    """Refused if an artifact is named that nobody has registered."""
    if name is None or name == DEFAULT or name in state.artifacts:
        return
    known = ", ".join([DEFAULT, *sorted(state.artifacts)])
    what = f"{where}: there is no artifact {name!r}, only {known}"
    raise Refused(what, field="artifact")


def secret_mark(key: KeyConfig) -> str:
    """By it a key is known again, whatever else is stated of it."""
    return key.sha256 or f"env:{key.env}"
