"""The configuration of the application: what stands under `args` in the Serve YAML."""

import os
from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from artifacts.location import BUNDLED_ARTIFACT as BUNDLED_ARTIFACT
from artifacts.location import artifact_directory as artifact_directory
from artifacts.location import artifact_location as artifact_location
from deployments.backends.breaker import BreakerConfig
from deployments.backends.simulator import SURFACES as SIMULATED_SURFACES
from deployments.backends.simulator import SimulatorConfig
from deployments.backends.upstream_config import OpenRouterConfig, UpstreamConfig
from deployments.backends.vllm import SURFACES as VLLM_SURFACES
from deployments.catalog import ModelCatalog, ModelSpec
from deployments.protocol import Surface
from deployments.rollout import DEFAULT, MOST_ARTIFACTS, ArtifactName, Rollout
from deployments.routing.cached_embedder import RouterConfig
from deployments.routing.embedder_config import EmbedderConfig
from deployments.telemetry.config import TelemetryConfig
from deployments.tenancy import CostTier as CostTier
from deployments.tenancy import KeyConfig as KeyConfig
from deployments.tenancy import TenantConfig as TenantConfig
from serve_app.answering.attempts import RetryPolicy
from serve_app.answering.conversation_memory import ConversationConfig
from serve_app.observing.config import LoggingConfig, MetricsConfig

_BACKENDS = ("openrouter", "simulator", "vllm")
VLLM = "vllm:"  # before the public id: each local model is a backend of its own


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
        _refuse_unknown("hosts", set(self.hosts.values()), set(self.cost_tiers))
        _refuse_unknown("default_model", {self.default_model}, known)
        for name, tier in self.cost_tiers.items():
            _refuse_unknown(f"cost_tiers.{name}.models", tier.models or set(), known)
        artifacts = {None, DEFAULT, *self.artifacts}
        named = {self.rollout.active}
        named |= {p.artifact for p in (self.rollout.canary, self.rollout.shadow) if p}
        _refuse_unknown("rollout", named, artifacts)
        seen = set()
        for tenant in self.tenants:
            where = f"tenants.{tenant.id}"
            if tenant.id in seen:
                raise ValueError(f"{where}: listed twice")
            seen.add(tenant.id)
            _refuse_unknown(f"{where}.models", tenant.models or set(), known)
            if tenant.default_model:
                _refuse_unknown(f"{where}.default_model", {tenant.default_model}, known)
            tiers = set(self.cost_tiers)
            _refuse_unknown(f"{where}.cost_tier", tenant.named_tiers, tiers)
            _refuse_unknown(f"{where}.artifact", {tenant.artifact}, artifacts)
        return self


def _refuse_unknown(
    where: str, names: Collection[str | None], known: Collection[str | None]
) -> None:
    for name in sorted(str(name) for name in set(names).difference(known)):
        raise ValueError(f"{where}: {name!r} is not defined")


class GatewayLimits(_Frozen):
    """Bounds of one Gateway replica."""

    max_body_bytes: int = Field(default=10 * 2**20, ge=1)
    route_timeout_s: float = Field(
        default=1.0, gt=0, description="after this the default model answers"
    )
    route_concurrency: int = Field(
        default=1,
        ge=1,
        description="route calls in flight; each is one Embedder's work, so with more "
        "Embedders than Gateways raise it (scripts/derive-autoscaling says to what)",
    )
    unpriced_usd: float = Field(
        default=0.1,
        gt=0,
        description="reserved of a budget for a model whose price is not known",
    )
    request_timeout_s: float = Field(
        default=900.0, gt=0, description="no further model is tried after this"
    )


class Backends(_Frozen):
    """Where answers come from."""

    openrouter: OpenRouterConfig = OpenRouterConfig()
    upstreams: dict[str, UpstreamConfig] = Field(
        default={}, description="other upstreams that speak OpenAI's HTTP, by name"
    )
    simulator: SimulatorConfig = SimulatorConfig()
    without_key: Literal["refuse", "simulate"] = Field(
        default="refuse",
        description="what becomes of openrouter models while its key is not set",
    )
    deploy: frozenset[str] = Field(
        default=frozenset(),
        description="deployed in any case: the backends of a catalog that stands under "
        "the Gateway's user_config",
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> "Backends":
        for name in self.upstreams:
            if name in _BACKENDS or not name.replace("-", "_").isidentifier():
                raise ValueError(f"upstreams: {name!r} cannot be a backend's name")
        # A local model's deployment needs its settings, which stand in the catalog.
        _refuse_unknown("deploy", self.deploy, set(self.names) - {"vllm"})
        return self

    @property
    def names(self) -> frozenset[str]:
        """What a model's `backend` may be."""
        return frozenset({*_BACKENDS, *self.upstreams})


Where = Literal["deployment", "gateway"]


class Placement(_Frozen):
    """What runs in the Gateway's process instead of a deployment of its own.

    There it costs no hop, but has no replicas and no resources of its own, and must not
    be listed under the YAML's `deployments`. For both at once: `placement: gateway`.
    """

    router: Where = Field(default="deployment", description="the Router")
    openrouter: Where = Field(
        default="deployment",
        description="OpenRouter, other upstreams and the simulator, whose keys the "
        "Gateway's environment then holds. Local models stay deployments",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"router": given, "openrouter": given}
        return given


class UsageConfig(_Frozen):
    """Where usage records go."""

    journal: str | None = Field(
        default=None,
        description="directory of the journal; none = no records. As a path of SQLite",
    )
    when_full: Literal["refuse", "answer"] = Field(
        default="refuse",
        description="what becomes of requests while the journal cannot be written",
    )


class DatabaseConfig(_Frozen):
    """Where tenants, keys, budgets and usage are kept."""

    url: str | None = Field(
        default=None,
        description="sqlite:///PATH, ~ and $VARIABLES filled in, or postgresql://USER@HOST/NAME",
    )
    url_env: str | None = Field(
        default=None, description="environment variable with the url, in its place"
    )
    password_env: str | None = Field(
        default=None,
        description="environment variable with its password; SQLite needs none",
    )
    usage_kept_days: float | None = Field(
        default=None, gt=0, description="older usage records are deleted; none = never"
    )

    @model_validator(mode="after")
    def _one_url(self) -> "DatabaseConfig":
        if (self.url is None) == (self.url_env is None):
            raise ValueError("either url or url_env")
        return self

    def address(self, environment: Mapping[str, str] = os.environ) -> str:
        """The url; ValueError names the variable where it is not set."""
        url = self.url or environment.get(self.url_env or "")
        if not url:
            raise ValueError(f"database.url_env: {self.url_env} is not set")
        return url


class AuthConfig(_Frozen):
    """Who may administer."""

    admin_key_env: str | None = Field(
        default=None, description="environment variable with the admin key; none = off"
    )


class AppConfig(LiveSettings):
    """Everything that `build_app` needs.

    The live settings are all here or none of them; then `user_config` brings them.
    """

    catalog: ModelCatalog = ModelCatalog.model_construct(models=())
    cost_tiers: dict[str, CostTier] = {}
    tenants: tuple[TenantConfig, ...] = ()
    default_model: str = ""
    artifact: str = Field(
        default=BUNDLED_ARTIFACT,
        description="a directory, an address (s3://, gs://, …), or 'default': bundled",
    )
    backends: Backends = Backends()
    embedder: EmbedderConfig = EmbedderConfig()
    router: RouterConfig = RouterConfig()
    placement: Placement = Placement()
    limits: GatewayLimits = GatewayLimits()
    retries: RetryPolicy = RetryPolicy()
    breaker: BreakerConfig = BreakerConfig()
    conversations: ConversationConfig = ConversationConfig()
    usage: UsageConfig = UsageConfig()
    database: DatabaseConfig | None = Field(
        default=None, description="none = tenants of this file only, no budgets"
    )
    auth: AuthConfig = AuthConfig()
    metrics: MetricsConfig = MetricsConfig()
    logging: LoggingConfig = LoggingConfig()
    telemetry: TelemetryConfig = TelemetryConfig()

    @model_validator(mode="before")
    @classmethod
    def _all_live_or_none(cls, given: object) -> object:
        fields = LiveSettings.model_fields
        stated = fields.keys() & given.keys() if isinstance(given, dict) else None
        for name, field in fields.items() if stated else ():
            if field.is_required() and name not in (stated or ()):
                raise ValueError(f"{name}: Field required")
        return given

    @model_validator(mode="after")
    def _usage_is_kept(self) -> "AppConfig":
        if self.database is not None and self.usage.journal is None:
            raise ValueError("database: usage.journal is needed, too")
        if self.database is not None and self.rollout != Rollout():
            raise ValueError("rollout: with a database the admin API sets it")
        return self

    @model_validator(mode="after")
    def _backends_exist(self) -> "AppConfig":
        known = set(self.backends.names)
        for spec in self.catalog.models:
            _refuse_unknown(f"catalog.models.{spec.id}.backend", {spec.backend}, known)
        for tenant in self.tenants:
            _refuse_unknown(f"tenants.{tenant.id}.byok", set(tenant.byok), known)
        return self

    @property
    def live(self) -> dict[str, Any]:
        """The fields of LiveSettings that stand here: all of them, or none."""
        if not self.catalog.models:
            return {}
        return {name: getattr(self, name) for name in LiveSettings.model_fields}

    @property
    def backend_names(self) -> frozenset[str]:
        """What is deployed: the backends of the catalog, and those named besides."""
        answering = frozenset(self.backend_of(spec) for spec in self.catalog.models)
        return answering | {self._stand_in(name) for name in self.backends.deploy}

    def backend_of(self, spec: ModelSpec) -> str:
        """Which backend answers for a model: the simulator may stand in."""
        return (
            VLLM + spec.id if spec.backend == "vllm" else self._stand_in(spec.backend)
        )

    def surfaces_of(self, spec: ModelSpec) -> frozenset[Surface]:
        """OpenAI's paths that a model's backend answers."""
        backend = self.backend_of(spec)
        if backend.startswith(VLLM):
            return VLLM_SURFACES
        upstream = self.upstream(backend)
        return SIMULATED_SURFACES if upstream is None else upstream.surfaces

    def upstream(self, backend: str) -> UpstreamConfig | None:
        """The upstream behind a backend; None for one that answers by itself."""
        if backend == "openrouter":
            return self.backends.openrouter
        return self.backends.upstreams.get(backend)

    def _stand_in(self, backend: str) -> str:
        simulates = self.backends.without_key == "simulate"
        no_key = not self.backends.openrouter.has_key()
        return (
            "simulator" if backend == "openrouter" and no_key and simulates else backend
        )
