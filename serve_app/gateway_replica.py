"""What Ray runs of the Gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from pydantic import ValidationError
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from artifacts.errors import first_of
from deployments.backends.tokens import load_vocabulary
from deployments.handles import RemoteBackend, RemoteEmbedder, RemoteRouter
from deployments.hosting import HostedBackend, HostedRouter
from deployments.limits.ledger_handle import RemoteLedger
from deployments.local_path import local_path
from deployments.protocol.backend import Backend
from deployments.protocol.routing import RouterLike
from deployments.routing.shared_router import SharedRouter
from deployments.telemetry.ray_export import RayExport
from deployments.telemetry.spans import make_tracer
from deployments.telemetry.tally import Tally
from deployments.telemetry.traced import traced_backend
from deployments.usage.journal import Journal
from deployments.usage.recorder import Recorder
from serve_app.access.holdings import Holdings
from serve_app.answering.call import BackendPort
from serve_app.background import Background
from serve_app.config import AppConfig
from serve_app.gateway import Gateway
from serve_app.health import Health
from serve_app.http.admin import Admin
from serve_app.http.admin_artifacts import ArtifactAdmin
from serve_app.http.admin_key import AdminKey
from serve_app.http.api import build_api
from serve_app.http.embeddings import Embeddings
from serve_app.observing.metrics import GatewayMetrics
from serve_app.observing.observer import Observer
from serve_app.observing.replica_log import replica_log

# Makes what runs in this process and not in a deployment of its own.
Hosted = Callable[[], Any]


class GatewayReplica:
    """A Gateway on Ray handles; `user_config` holds changes to the live settings."""

    def __init__(
        self,
        config: AppConfig,
        router: DeploymentHandle | Hosted,
        backends: dict[str, DeploymentHandle | Hosted],
        embedder: DeploymentHandle,
        ledger: DeploymentHandle | None = None,
    ) -> None:
        ports = {name: _port(name, given, config) for name, given in backends.items()}
        directory = config.usage.journal
        journal = Journal(local_path(directory)) if directory else None
        recorder = _recorder(journal, config)
        remote = RemoteLedger(ledger) if ledger is not None else None
        self._ledger = remote
        holdings = Holdings(journal.replica, remote) if journal and remote else None
        metrics = GatewayMetrics(Tally(RayExport()))
        observer, routes = _observer(metrics, config), _router(router, config)
        self._gateway = Gateway(config, routes, ports, recorder, holdings, observer)
        metrics.watch_breakers(self._gateway.breakers)
        metrics.watch_bound(max_ongoing_requests)
        self._admin = _admin(self._gateway, remote, config)
        self._background: Background | None = None
        if remote and recorder and holdings:
            self._background = Background(self._gateway, remote, recorder, holdings)
            metrics.watch_health(self._background.health)
        self._embeddings = Embeddings(
            RemoteEmbedder(embedder), timeout_s=config.limits.request_timeout_s
        )

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Live settings in the place of the configured ones, each field whole."""
        try:
            self._gateway.apply(user_config)
        except ValidationError as error:
            raise ValueError(f"user_config: {first_of(error)}") from None

    def check_health(self) -> None:
        """Serve calls it before the first request, and after `reconfigure`."""
        if not self._gateway.directory.specs:
            raise ValueError(
                "the Gateway has no catalog: it stands under args, or under its"
                " user_config"
            )

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Called by Serve in the replica: no app crosses a process boundary."""
        return build_api(
            self._gateway,
            self._embeddings,
            usage=self._ledger,
            admin=self._admin,
            background=self._running,
            health=self._background.health if self._background else Health,
        )

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        await asyncio.to_thread(load_vocabulary)
        self._gateway.observer.start()
        try:
            async with (
                self._background.running() if self._background else nullcontext()
            ):
                yield
        finally:
            self._gateway.observer.stop()


def max_ongoing_requests() -> int:
    """Of this replica. Asked for each time: an edit of it restarts nothing."""
    bound: int = serve.get_replica_context()._deployment_config.max_ongoing_requests
    return bound


def _observer(metrics: GatewayMetrics, config: AppConfig) -> Observer:
    return Observer(
        metrics,
        max_tenants=config.metrics.max_tenants,
        log=replica_log(config.logging),
        tracer=make_tracer(config.telemetry, "Gateway", root=True),
    )


def _admin(
    gateway: Gateway, ledger: RemoteLedger | None, config: AppConfig
) -> Admin | None:
    key = AdminKey.named(config.auth.admin_key_env)
    if ledger is None or key is None:
        return None
    return Admin(
        ledger,
        key,
        lambda: gateway.directory,
        ArtifactAdmin(ledger, gateway),
        backends=config.backends.names,
    )


def _recorder(journal: Journal | None, config: AppConfig) -> Recorder | None:
    if journal is None:
        return None
    return Recorder(journal, refuse=config.usage.when_full == "refuse")


def _router(given: DeploymentHandle | Hosted, config: AppConfig) -> RouterLike:
    if isinstance(given, DeploymentHandle):
        return SharedRouter(
            RemoteRouter(given),
            calls=config.limits.route_concurrency,
            timeout_s=config.limits.route_timeout_s,
            remembered=config.router.cache_size,
        )
    return HostedRouter(given())


def _port(
    name: str, given: DeploymentHandle | Hosted, config: AppConfig
) -> BackendPort:
    backend: Backend = (
        RemoteBackend(given, name)
        if isinstance(given, DeploymentHandle)
        else HostedBackend(traced_backend(given(), name, config.telemetry), name)
    )
    upstream = config.upstream(name)
    if upstream is None:
        return BackendPort(name, backend)
    defaults, tells_costs = upstream.request_defaults, upstream.generation_costs
    return BackendPort(name, backend, defaults, tells_costs)
