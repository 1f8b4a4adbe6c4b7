"""The configuration of the application: what stands under `args` in the Serve YAML."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from artifacts.location import BUNDLED_ARTIFACT
from deployments.backends.breaker_config import BreakerConfig
from deployments.backends.simulator import SURFACES as SIMULATED_SURFACES
from deployments.backends.upstream_config import UpstreamConfig
from deployments.backends.vllm import SURFACES as VLLM_SURFACES
from deployments.catalog import ModelCatalog, ModelSpec
from deployments.protocol.backend import Surface
from deployments.rollout import Rollout
from deployments.routing.cached_embedder import RouterConfig
from deployments.routing.embedder_config import EmbedderConfig
from deployments.store.config import DatabaseConfig
from deployments.telemetry.config import TelemetryConfig
from deployments.tenancy import CostTier, TenantConfig
from serve_app.answering.config import ConversationConfig, RetryPolicy
from serve_app.backends_config import VLLM, Backends, Placement
from serve_app.live_settings import (
    FieldError,
    LiveSettings,
    refuse_bounds,
    refuse_unknown,
    refuse_unknown_backends,
)
from serve_app.observing.config import LoggingConfig, MetricsConfig
from serve_app.origins import Origin


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GatewayLimits(_Frozen):
    """Bounds of one Gateway replica."""

    max_body_bytes: int = Field(
        default=10 * 2**20,
        ge=1,
        description="of a request; a longer one is refused (413)",
    )
    body_timeout_s: float = Field(
        default=120.0,
        gt=0,
        description="of a request to arrive; a slower one is refused (408)",
    )
    route_timeout_s: float = Field(
        default=1.0, gt=0, description="after this the default model answers"
    )
    route_concurrency: int = Field(
        default=1,
        ge=1,
        description="route calls in flight to the Router's deployment, of known "
        "questions and of new ones each; one that takes longer than 5 ms counts no "
        "more. Each is one Embedder's work, so with more Embedders than Gateways raise "
        "it (scripts/derive-autoscaling says to what)",
    )
    unpriced_usd: float = Field(
        default=0.1,
        gt=0,
        description="reserved of a budget for an answer of a model without a price, "
        "and for what an upstream does beside answering (searches, plugins, its tools)",
    )
    request_timeout_s: float = Field(
        default=900.0,
        gt=0,
        description="a request with all its attempts; then an answer is cut off",
    )


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
    cost_tiers: dict[str, CostTier] = Field(default={})
    tenants: tuple[TenantConfig, ...] = ()
    default_model: str = Field(
        default="", description=LiveSettings.model_fields["default_model"].description
    )
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
        default=None,
        description="none = tenants of this file only, without limits and budgets",
    )
    auth: AuthConfig = AuthConfig()
    cors_origins: tuple[Origin, ...] = Field(
        default=(),
        description="origins (https://app.example.com, or * for all) whose pages may "
        "ask from a browser; none = no page may",
    )
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
                raise FieldError((name,), "Field required")
        return given

    @model_validator(mode="after")
    def _usage_is_kept(self) -> "AppConfig":
        if self.database is None:
            refuse_bounds(self)
        elif self.usage.journal is None:
            raise FieldError(("database",), "usage.journal is needed, too")
        elif self.rollout != Rollout():
            raise FieldError(("rollout",), "with a database the admin API sets it")
        return self

    @model_validator(mode="after")
    def _backends_exist(self) -> "AppConfig":
        known = set(self.backends.names)
        for spec in self.catalog.models:
            where = ("catalog", "models", spec.id, "backend")
            refuse_unknown(where, {spec.backend}, known)
        refuse_unknown_backends(self, known)
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
