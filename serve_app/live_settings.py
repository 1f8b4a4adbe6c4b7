"""What may change while serving: models, tiers, tenants, artifacts."""

from collections.abc import Collection, Iterator, Sequence
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from artifacts.location import artifact_location
from deployments.catalog import ModelCatalog
from deployments.rollout import DEFAULT, MOST_ARTIFACTS, ArtifactName, Rollout
from deployments.tenancy import CostTier, Limits, TenantConfig

_LIMITS = (*Limits.model_fields, "max_budget", "soft_budget")


class FieldError(ValueError):
    """A field that is wrong beside others, and not by itself.

    `steps` lead to it from the model that says so; a list's item goes by its id.
    """

    def __init__(self, steps: Sequence[str | int], what: str) -> None:
        super().__init__(f"{'.'.join(map(str, steps))}: {what}")
        self.steps = (*steps,)
        self.what = what


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LiveSettings(_Frozen):
    """What may change while serving, without restarting a replica.

    It stands under `args`, or under the Gateway's `user_config`, whose changes reach
    the replicas that run.
    """

    catalog: ModelCatalog
    cost_tiers: dict[str, CostTier]
    tenants: tuple[TenantConfig, ...]
    default_model: str = Field(description="answers when routing fails")
    hosts: dict[str, str] = Field(
        default={},
        description="host name (no port) → the cost tier of its URLs",
    )
    artifacts: dict[ArtifactName, str] = Field(
        default={},
        max_length=MOST_ARTIFACTS,
        description="further artifacts, name → directory or address, for the encoder "
        "that runs; `default` is the one under `artifact`",
    )
    rollout: Rollout = Field(
        default=Rollout(),
        description="which artifact decides; with a database the admin API says so",
    )

    @field_validator("hosts")
    @classmethod
    def _as_asked_for(cls, hosts: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, tier in hosts.items():
            host = name.lower()
            if not _is_host(host):
                raise FieldError((name,), "a host name without a port was expected")
            if host in found:
                raise FieldError((name,), "listed twice, but for capital letters")
            found[host] = tier
        return found

    @field_validator("artifacts")
    @classmethod
    def _located(cls, artifacts: dict[str, str]) -> dict[str, str]:
        if DEFAULT in artifacts:
            raise ValueError(f"{DEFAULT!r} is what stands under artifact")
        return {name: artifact_location(where) for name, where in artifacts.items()}

    @model_validator(mode="after")
    def _names_exist(self) -> "LiveSettings":
        if not self.catalog.models:  # an AppConfig's that has no live settings
            return self
        known = set(self.catalog.ids)
        for host, tier in self.hosts.items():
            refuse_unknown(("hosts", host), {tier}, self.cost_tiers)
        refuse_unknown(("default_model",), {self.default_model}, known)
        for name, each in self.cost_tiers.items():
            refuse_unknown(("cost_tiers", name, "models"), each.models or (), known)
        named = {self.rollout.active}
        named |= {p.artifact for p in (self.rollout.canary, self.rollout.shadow) if p}
        refuse_unknown(("rollout",), named, self._known_artifacts)
        for tenant in self.tenants:
            self._check_tenant(tenant, known)
        return self

    def _check_tenant(self, tenant: TenantConfig, known: Collection[str]) -> None:
        where = ("tenants", tenant.id)
        refuse_unknown((*where, "models"), tenant.models or (), known)
        for field in ("default_model", "reference_model"):
            refuse_unknown((*where, field), {getattr(tenant, field)}, {None, *known})
        for i, key in enumerate(tenant.keys):
            refuse_unknown((*where, "keys", i, "models"), key.models or (), known)
        refuse_unknown((*where, "cost_tier"), tenant.named_tiers, self.cost_tiers)
        refuse_unknown((*where, "artifact"), {tenant.artifact}, self._known_artifacts)

    @model_validator(mode="after")
    def _each_once(self) -> "LiveSettings":
        seen: set[str] = set()
        holders: dict[str, str] = {}
        for tenant in self.tenants:
            if tenant.id in seen:
                raise FieldError(("tenants", tenant.id), "listed twice")
            seen.add(tenant.id)
            for i, key in enumerate(tenant.keys):
                holder = holders.setdefault(key.sha256 or f"env:{key.env}", tenant.id)
                if holder != tenant.id:
                    what = f"the tenant {holder!r} has the same key"
                    raise FieldError(("tenants", tenant.id, "keys", i), what)
        return self

    @property
    def _known_artifacts(self) -> set[str | None]:
        return {None, DEFAULT, *self.artifacts}


def refuse_unknown(
    steps: Sequence[str | int],
    names: Collection[str | None],
    known: Collection[str | None],
) -> None:
    """FieldError names the first, by name, that is not known."""
    for name in sorted(str(name) for name in set(names).difference(known)):
        raise FieldError(steps, f"{name!r} is not defined")


def refuse_unknown_backends(settings: LiveSettings, known: Collection[str]) -> None:
    """FieldError names a tenant whose own key is for none of the backends `known`."""
    for tenant in settings.tenants:
        refuse_unknown(("tenants", tenant.id, "byok"), tenant.byok.keys(), known)


def refuse_limits(settings: LiveSettings) -> None:
    """FieldError names the first limit or budget: without a Ledger none is kept."""
    for tenant in settings.tenants:
        for steps, limited in _limited(tenant):
            for name in _LIMITS:
                if getattr(limited, name, None) is not None:
                    raise FieldError((*steps, name), "database is needed, too")


def _limited(tenant: TenantConfig) -> Iterator[tuple[Sequence[str | int], Limits]]:
    yield ("tenants", tenant.id), tenant
    for i, key in enumerate(tenant.keys):
        yield ("tenants", tenant.id, "keys", i), key


def _is_host(name: str) -> bool:
    """Whether a URL's host may be called so: in small letters, and no port behind."""
    try:
        url = urlsplit(f"//[{name}]" if name.count(":") > 1 else f"//{name}")
    except ValueError:
        return False
    return url.hostname == name
