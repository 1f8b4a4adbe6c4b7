"""The composition root: the only place that knows which class serves what.

`serve_app.app:build_app` is the `import_path` of the Serve configuration.
"""

from functools import partial
from typing import Any

from ray import serve
from ray.serve import Application

from artifacts.location import artifact_location
from deployments.backends.openrouter import OpenRouterBackend
from deployments.backends.simulator import SimulatorBackend
from deployments.backends.vllm_deployment import build_vllm_backend
from deployments.catalog import ModelSpec
from deployments.replicas import (
    EmbedderReplica,
    OpenRouterReplica,
    RouterReplica,
    SimulatorReplica,
)
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.vllm_embedder import build_vllm_embedder, encoder_of
from deployments.telemetry.config import TelemetryConfig
from serve_app.backends_config import VLLM
from serve_app.config import AppConfig
from serve_app.gateway_replica import GatewayReplica, Hosted

# Of asyncio work that mostly waits; Serve's own default of 5 would queue streams.
_MAX_ONGOING = 512

_DEFAULTS: dict[str, dict[str, Any]] = {
    "Gateway": {"max_ongoing_requests": _MAX_ONGOING, "max_queued_requests": 256},
    "Router": {"max_ongoing_requests": 128},
    "Embedder": {"max_ongoing_requests": 128},
    # One: it keeps in memory what it has handed out. `deployments.limits.waiting` says
    # how many of its places calls that wait for SQL may take.
    "Ledger": {"max_ongoing_requests": 1024, "num_replicas": 1},
    "OpenRouterBackend": {"max_ongoing_requests": _MAX_ONGOING},
    "SimulatorBackend": {"max_ongoing_requests": _MAX_ONGOING},
}

# A fraction of a core each: on a laptop the graph must fit, and Serve's actors are
# not bound to what they reserve. Clusters set their own in the YAML.
_RESOURCES = {"num_cpus": 0.1}


def build_app(config: AppConfig) -> Application:
    """The graph Gateway → Router → Embedder, Gateway → backends and Embedder.

    What `placement` puts into the Gateway is handed to it as something to make there.
    """
    # Not fetched here: each replica needs it on its own node.
    artifact = artifact_location(config.artifact)
    embedder = _embedder(artifact, config.embedder, config.telemetry)
    gateway = serve.ingress()(GatewayReplica)
    return _deployment(gateway, "Gateway").bind(
        config,
        _router(config, embedder, artifact),
        {name: _backend(name, config) for name in sorted(config.backend_names)},
        embedder,
        _ledger(config),
    )


def _router(
    config: AppConfig, embedder: Application, artifact: str
) -> Application | Hosted:
    asked = embedder, artifact, config.router, config.telemetry
    timeout_s = config.limits.route_timeout_s
    if config.placement.router == "gateway":
        return partial(RouterReplica, *asked, route_timeout_s=timeout_s)
    router = _deployment(RouterReplica, "Router")
    return router.bind(*asked, route_timeout_s=timeout_s)


def _embedder(
    artifact: str, config: EmbedderConfig, telemetry: TelemetryConfig
) -> Application:
    if config.engine == "vllm":
        # Here the artifact is looked at: Ray's library wants to know the model now.
        spec, weights = encoder_of(artifact)
        options = _DEFAULTS["Embedder"]
        if config.source is not None or weights is None:
            return build_vllm_embedder(spec, config, options, telemetry)
        config = config.model_copy(update={"source": str(weights)})
        return build_vllm_embedder(spec, config, options, telemetry, artifact=artifact)
    return _deployment(EmbedderReplica, "Embedder").bind(artifact, config, telemetry)


def _ledger(config: AppConfig) -> Application | None:
    if config.database is None:
        return None
    # Late: without a database nobody waits for SQLAlchemy.
    from deployments.limits.ledger_replica import LedgerReplica

    return _deployment(LedgerReplica, "Ledger").bind(
        config.database, config.tenants, [*config.cost_tiers], config.artifacts
    )


def _backend(name: str, config: AppConfig) -> Application | Hosted:
    telemetry = config.telemetry
    if name.startswith(VLLM):
        return _local_model(config.catalog.by_id()[name.removeprefix(VLLM)], telemetry)
    hosted = config.placement.openrouter == "gateway"
    if name == "simulator":
        simulator = config.backends.simulator
        if hosted:
            return partial(SimulatorBackend, simulator)
        deployment = _deployment(SimulatorReplica, "SimulatorBackend")
        return deployment.bind(simulator, telemetry)
    upstream = config.upstream(name)
    assert upstream is not None, f"no backend is called {name}"
    if hosted:
        return partial(OpenRouterBackend.configured, upstream)
    suffix = "" if name == "openrouter" else f":{name}"
    deployment = _deployment(OpenRouterReplica, "OpenRouterBackend", suffix)
    return deployment.bind(upstream, telemetry)


def _local_model(spec: ModelSpec, telemetry: TelemetryConfig) -> Application:
    assert spec.vllm is not None  # the catalog has seen to it
    return build_vllm_backend(
        spec.id,
        spec.upstream_model,
        spec.vllm,
        longest_answer_s=spec.timeouts.total_s,
        telemetry=telemetry,
    )


def _deployment(replica: type[Any], kind: str, suffix: str = "") -> serve.Deployment:
    return serve.deployment(
        replica,
        name=kind + suffix,
        ray_actor_options=_RESOURCES,
        health_check_period_s=5,
        **_DEFAULTS[kind],
    )
