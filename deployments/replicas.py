"""The classes that Ray runs: each builds its plain part and lends it to the handles.

`serve_app.app` makes deployments of them; nothing here is decorated.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from ray.serve.handle import DeploymentHandle

from artifacts.encoder import EncoderSpec, load_encoder
from artifacts.errors import BadInput
from artifacts.location import artifact_directory, directory_of
from artifacts.manifest import Manifest
from artifacts.store import ENCODER, load, load_manifest
from deployments.backends.gathering import gathered_items
from deployments.backends.openrouter import OpenRouterBackend, UpstreamConfig
from deployments.backends.simulator import SimulatorBackend, SimulatorConfig
from deployments.backends.sse import GATHER_S
from deployments.handles import RemoteEmbedder
from deployments.protocol.backend import (
    Answer,
    Backend,
    BackendRequest,
    Item,
    Settlement,
)
from deployments.protocol.routing import ArtifactRef, Explanation, RouteQuery, Routes
from deployments.routing.batched_encoder import BatchedEncoder
from deployments.routing.cached_embedder import CachedEmbedder, RouterConfig
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.embedder_device import as_lent
from deployments.routing.router import Router
from deployments.routing.served_embedder import ServedEmbedder
from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.metrics import EmbedderMetrics
from deployments.telemetry.ray_export import RayExport
from deployments.telemetry.tally import Tally
from deployments.telemetry.traced import (
    traced_backend,
    traced_router,
)

_NO_TRACES = TelemetryConfig()


class EmbedderReplica(ServedEmbedder):
    """An Embedder with the encoder of an artifact."""

    def __init__(
        self,
        artifact: str,
        config: EmbedderConfig,
        telemetry: TelemetryConfig = _NO_TRACES,
    ) -> None:
        directory = directory_of(artifact)
        spec: EncoderSpec = load_manifest(directory).encoder
        encoder = load_encoder(spec, directory / ENCODER, as_lent(config.run))
        # Better here than in the first requests.
        encoder.warm_up()
        metrics = EmbedderMetrics(Tally(RayExport()))
        batched = BatchedEncoder(
            encoder, max_batch_tokens=config.max_batch_tokens, metrics=metrics
        )
        self._serve(
            batched, encoder.tokenizer, config, metrics=metrics, telemetry=telemetry
        )

    async def check_health(self) -> None:
        """Serve puts another in the place of one that raises, or is silent for its
        health_check_timeout_s: see `check`."""
        await self._check()


class RouterReplica:
    """A Router that takes another artifact through `user_config`, while serving."""

    def __init__(
        self,
        embedder: DeploymentHandle,
        artifact: str,
        config: RouterConfig,
        telemetry: TelemetryConfig = _NO_TRACES,
        *,
        route_timeout_s: float = 1.0,
    ) -> None:
        """`route_timeout_s`: how long a request waits for its decision."""
        metrics = EmbedderMetrics(Tally(RayExport()))
        self._configured = artifact
        loaded = load(directory_of(artifact, encoder=False))
        spec = loaded.manifest.encoder
        remote = RemoteEmbedder(embedder, spec, within_s=route_timeout_s / 2)
        wait_s = route_timeout_s / 8  # what is left is for all that is no waiting
        cached = CachedEmbedder(remote, config, metrics, wait_s=wait_s)
        self._router = Router(cached, loaded)
        self._asked = traced_router(self._router, telemetry)

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """`{"artifact": directory, address or 'default'}`, without it the configured
        one: replicas that start now must not differ from those that run.

        BadInput if its encoder is not the Embedder's. Requests are answered while it is
        fetched.
        """
        if unknown := sorted(user_config.keys() - {"artifact"}):
            raise BadInput(f"user_config: there is no field {unknown[0]!r}")
        artifact = user_config.get("artifact") or self._configured
        directory = await asyncio.to_thread(artifact_directory, artifact, encoder=False)
        self._router.activate(await asyncio.to_thread(load, directory))

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision for each query."""
        return await self._asked.route(queries)

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and why."""
        return await self._router.explain(query)

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """What an artifact says of itself; InvalidRequest if it cannot be used."""
        return await self._router.describe(ref, anew=anew)


class BackendReplica:
    """A backend whose streams cross the handle in gathered frames.

    `gather_s`: how long events gather; None: its frames are gathered already.
    """

    def __init__(
        self,
        backend: Backend,
        name: str,
        telemetry: TelemetryConfig = _NO_TRACES,
        *,
        gather_s: float | None = GATHER_S,
    ) -> None:
        self._backend = traced_backend(backend, name, telemetry)
        self._gather_s = gather_s

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer."""
        return await self._backend.complete(request)

    async def stream(self, request: BackendRequest) -> AsyncIterator[Item]:
        """Frames of events, then the settlement."""
        items = self._backend.stream(request)
        if self._gather_s is not None:
            items = gathered_items(items, self._gather_s)
        async with aclosing(items) as frames:  # type: ignore[type-var]
            async for frame in frames:
                yield frame

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """What an answer that broke off was charged."""
        return await self._backend.settle(request, generation_id)


class OpenRouterReplica(BackendReplica):
    """An upstream, with the keys from the replica's own environment."""

    def __init__(
        self, config: UpstreamConfig, telemetry: TelemetryConfig = _NO_TRACES
    ) -> None:
        backend = OpenRouterBackend.configured(config)
        gather_s = None if backend.gathers else config.gather_s
        super().__init__(backend, "OpenRouterBackend", telemetry, gather_s=gather_s)


class SimulatorReplica(BackendReplica):
    """The simulator."""

    def __init__(
        self, config: SimulatorConfig, telemetry: TelemetryConfig = _NO_TRACES
    ) -> None:
        super().__init__(SimulatorBackend(config), "SimulatorBackend", telemetry)
