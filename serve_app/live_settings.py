"""What may change while serving: models, tiers, tenants, artifacts."""

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from artifacts.location import artifact_location
from deployments.catalog import ModelCatalog
from deployments.rollout import DEFAULT, MOST_ARTIFACTS, ArtifactName, Rollout
from deployments.tenancy import CostTier, TenantConfig


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
        description="host name (lower case, no port) → the cost tier of its URLs",
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
        refuse_unknown("hosts", set(self.hosts.values()), set(self.cost_tiers))
        refuse_unknown("default_model", {self.default_model}, known)
        for name, tier in self.cost_tiers.items():
            refuse_unknown(f"cost_tiers.{name}.models", tier.models or set(), known)
        artifacts = {None, DEFAULT, *self.artifacts}
        named = {self.rollout.active}
        named |= {p.artifact for p in (self.rollout.canary, self.rollout.shadow) if p}
        refuse_unknown("rollout", named, artifacts)
        seen = set()
        for tenant in self.tenants:
            where = f"tenants.{tenant.id}"
            if tenant.id in seen:
                raise ValueError(f"{where}: listed twice")
            seen.add(tenant.id)
            refuse_unknown(f"{where}.models", tenant.models or set(), known)
            if tenant.default_model:
                refuse_unknown(f"{where}.default_model", {tenant.default_model}, known)
            tiers = set(self.cost_tiers)
            refuse_unknown(f"{where}.cost_tier", tenant.named_tiers, tiers)
            refuse_unknown(f"{where}.artifact", {tenant.artifact}, artifacts)
        return self


def refuse_unknown(
    where: str, names: Collection[str | None], known: Collection[str | None]
) -> None:
    """ValueError names the first, by name, that is not known."""
    for name in sorted(str(name) for name in set(names).difference(known)):
        raise ValueError(f"{where}: {name!r} is not defined")
