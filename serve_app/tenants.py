"""Who asks, and what he may use."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from deployments.catalog import ModelSpec
from deployments.errors import Forbidden, NotFound, Unauthenticated
from deployments.tenancy import KEY_PREFIX as KEY_PREFIX
from deployments.tenancy import key_sha256
from deployments.tenancy import new_key as new_key
from serve_app.config import CostTier, KeyConfig, LiveSettings, TenantConfig


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant with everything that its settings stand for."""

    id: str
    alpha: float
    cost_tier: str | None
    allowed_cost_tiers: frozenset[str]
    models: frozenset[str]
    default_model: str
    byok: Mapping[str, str] = field(default_factory=dict)  # backend → variable
    key_id: str = ""  # of the key that was used: the head of its digest


class Directory:
    """An immutable view of tenants, tiers and models; replaced whole on a change."""

    def __init__(
        self, settings: LiveSettings, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.settings = settings
        self.specs: dict[str, ModelSpec] = settings.catalog.by_id()
        self._tenants: dict[str, Tenant] = {}
        for config in settings.tenants:
            tenant = self._tenant(config)
            for key in config.keys:
                if digest := _digest(key, environment):
                    self._tenants[digest] = replace(tenant, key_id=digest[:12])

    def authenticate(self, authorization: str | None) -> Tenant:
        """The tenant of an `Authorization` header; Unauthenticated if there is none.

        Only digests are compared, so the time taken tells nothing about a key.
        """
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated(
                "An API key is needed: send the header 'Authorization: Bearer sk-av-…'."
            )
        tenant = self._tenants.get(key_sha256(key.strip()))
        if tenant is None:
            raise Unauthenticated("This API key is not known.")
        return tenant

    def tier(self, name: str, tenant: Tenant, param: str | None) -> CostTier:
        """A cost tier that this tenant may use; NotFound or Forbidden otherwise."""
        if name not in self.settings.cost_tiers:
            known = ", ".join(sorted(tenant.allowed_cost_tiers)) or "none"
            message = f"There is no cost tier {name!r}. Yours: {known}."
            raise NotFound(message, param=param, code="cost_tier_not_found")
        if name not in tenant.allowed_cost_tiers:
            allowed = ", ".join(sorted(tenant.allowed_cost_tiers)) or "none"
            message = f"This key may not use the cost tier {name!r}. Yours: {allowed}."
            raise Forbidden(message, param=param, code="cost_tier_not_allowed")
        return self.settings.cost_tiers[name]

    def spec(self, model: str, tenant: Tenant) -> ModelSpec:
        """A model that this tenant may use; NotFound or Forbidden otherwise."""
        if model not in self.specs:
            raise NotFound(
                f"The model {model!r} does not exist. GET /v1/models lists yours.",
                param="model",
            )
        if model not in tenant.models:
            raise Forbidden(
                f"The model {model!r} is not among those this key may use: "
                f"{', '.join(sorted(tenant.models))}.",
                param="model",
                code="model_not_allowed",
            )
        return self.specs[model]

    def _tenant(self, config: TenantConfig) -> Tenant:
        tiers = self.settings.cost_tiers
        alpha = tiers[config.cost_tier].alpha if config.cost_tier else config.alpha
        assert alpha is not None  # TenantConfig allows exactly one of the two
        return Tenant(
            id=config.id,
            alpha=alpha,
            cost_tier=config.cost_tier,
            allowed_cost_tiers=_all_or(config.allowed_cost_tiers, tiers),
            models=_all_or(config.models, self.specs),
            default_model=config.default_model or self.settings.default_model,
            byok=config.byok,
        )


def _all_or(
    chosen: frozenset[str] | None, everything: Mapping[str, object]
) -> frozenset[str]:
    return frozenset(everything) if chosen is None else chosen


def _digest(key: KeyConfig, environment: Mapping[str, str]) -> str | None:
    if key.sha256 is not None:
        return key.sha256
    secret = environment.get(key.env or "")
    return key_sha256(secret) if secret else None
