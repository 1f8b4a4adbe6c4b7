"""Who asks, and what he may use."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deployments.api_key import key_sha256
from deployments.catalog import ModelSpec
from deployments.errors import (
    Forbidden,
    NotFound,
    Overloaded,
    ServingError,
    Unauthenticated,
)
from deployments.store.snapshot import Snapshot
from deployments.tenancy import CostTier, KeyConfig, TenantConfig
from serve_app.access.cost_tiers import models_of, refuse_gone
from serve_app.access.known_keys import known_keys, known_tenants
from serve_app.access.rollouts import Rollouts
from serve_app.live_settings import LiveSettings


@dataclass(frozen=True, slots=True)
class Tenant:
    """What a key opens: its tenant, narrowed as the key is.

    `pinned`: the key is tied to `cost_tier`; no request of it leaves that tier.
    """

    id: str
    alpha: float
    cost_tier: str | None
    allowed_cost_tiers: frozenset[str]
    models: frozenset[str]
    default_model: str
    config: TenantConfig
    key: KeyConfig
    byok: Mapping[str, str] = field(default_factory=dict)  # backend → variable
    pinned: bool = False

    @property
    def key_id(self) -> str:
        """Of the key that was used, as usage records name it."""
        return self.key.key_id


class Directory:
    """An immutable view of tenants, tiers and models; replaced whole on a change.

    Of tenants and tiers that both name, the snapshot's count and not the settings'.
    Names in it that the catalog lacks open nothing.
    `awaited`: there is a store, and it has told nothing yet.
    """

    def __init__(
        self,
        settings: LiveSettings,
        environment: Mapping[str, str] = os.environ,
        snapshot: Snapshot | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        awaited: bool = False,
    ) -> None:
        self.settings = settings
        self.snapshot = snapshot
        self.specs: dict[str, ModelSpec] = settings.catalog.by_id()
        self.cost_tiers: dict[str, CostTier] = dict(settings.cost_tiers)
        if snapshot is not None:
            self.cost_tiers |= snapshot.cost_tiers
        self.rollouts = Rollouts(settings.artifacts, settings.rollout, snapshot)
        self._clock = clock
        self._awaited = awaited
        self._keys = dict(known_keys(settings, snapshot, environment))
        # Made when a key is first used: of many thousand keys few are at any time.
        self._opened: dict[str, Tenant] = {}
        # What others derive from this view, and may forget at any time.
        self.kept: dict[Any, Any] = {}

    @property
    def tenants(self) -> dict[str, TenantConfig]:
        """All by id, as they count."""
        return known_tenants(self.settings, self.snapshot)

    def authenticate(self, authorization: str | None) -> Tenant:
        """The tenant of an `Authorization` header; Unauthenticated if there is none,
        Overloaded while it may be one of the store's.

        Only digests are compared, so the time taken tells nothing about a key.
        """
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated(
                "An API key is needed: send the header 'Authorization: Bearer sk-av-…'."
            )
        digest = key_sha256(key.strip())
        if digest not in self._keys:
            raise self._not_known()
        config, found = self._keys[digest]
        if ended := found.ended(self._clock()):
            message = f"This API key {_ENDED[ended]}. Another one is needed."
            raise Unauthenticated(message, code=f"{ended}_api_key")
        if digest not in self._opened:
            refuse_gone(config, found, self.cost_tiers)
            self._opened[digest] = self._tenant(config, found)
        return self._opened[digest]

    def tier(self, name: str, tenant: Tenant, param: str | None) -> CostTier:
        """A cost tier that this tenant may use; NotFound or Forbidden otherwise."""
        if name not in self.cost_tiers:
            known = ", ".join(sorted(tenant.allowed_cost_tiers)) or "none"
            message = f"There is no cost tier {name!r}. Yours: {known}."
            raise NotFound(message, param=param, code="cost_tier_not_found")
        if name not in tenant.allowed_cost_tiers:
            allowed = ", ".join(sorted(tenant.allowed_cost_tiers)) or "none"
            message = f"This key may not use the cost tier {name!r}. Yours: {allowed}."
            raise Forbidden(message, param=param, code="cost_tier_not_allowed")
        return self.cost_tiers[name]

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
                f"{', '.join(sorted(tenant.models)) or 'none'}.",
                param="model",
                code="model_not_allowed",
            )
        return self.specs[model]

    def _not_known(self) -> ServingError:
        if self._awaited:
            # To most clients a 401 is for good; and this replica has only just begun.
            what = "The keys of the store are not known here yet."
            return Overloaded(what, retry_after_s=1.0)
        return Unauthenticated("This API key is not known.")

    def _tenant(self, config: TenantConfig, key: KeyConfig) -> Tenant:
        """What the key opens: never more than its tenant may do."""
        tiers = self.cost_tiers
        name = None if key.alpha is not None else key.cost_tier or config.cost_tier
        allowed = _chosen(config.allowed_cost_tiers, tiers)
        models = _chosen(config.models, self.specs) & _chosen(key.models, self.specs)
        if key.cost_tier is not None:
            allowed &= {key.cost_tier}
            if key.cost_tier == config.cost_tier:  # it needs no mention among others
                allowed = frozenset({key.cost_tier})
            tier = tiers[key.cost_tier]
            models &= models_of(key.cost_tier, tier, self.specs.values())
        default = config.default_model or self.settings.default_model
        known = default in self.specs
        return Tenant(
            id=config.id,
            alpha=_alpha(config, key, tiers),
            cost_tier=name,
            allowed_cost_tiers=allowed,
            models=models,
            default_model=default if known else self.settings.default_model,
            config=config,
            key=key,
            byok=config.byok,
            pinned=key.cost_tier is not None,
        )


_ENDED = {"revoked": "has been revoked", "expired": "has expired"}


def _alpha(
    config: TenantConfig, key: KeyConfig, tiers: Mapping[str, CostTier]
) -> float:
    if key.alpha is not None:
        return key.alpha
    name = key.cost_tier or config.cost_tier
    alpha = tiers[name].alpha if name else config.alpha
    assert alpha is not None  # TenantConfig allows exactly one of the two
    return alpha


def _chosen(
    chosen: frozenset[str] | None, everything: Mapping[str, object]
) -> frozenset[str]:
    known = frozenset(everything)
    return known if chosen is None else chosen & known
