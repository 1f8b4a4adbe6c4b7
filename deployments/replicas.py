"""The classes that Ray runs: each builds its plain part and lends it to the handles.

`serve_app.app` makes deployments of them; nothing here is decorated.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
from deployments.protocol import (
    Answer,
    ArtifactRef,
    Backend,
    BackendRequest,
    Explanation,
    Item,
    RouteQuery,
    Routes,
    Settlement,
)
from deployments.routing.batched_encoder import BatchedEncoder
from deployments.routing.cached_embedder import CachedEmbedder, RouterConfig
from deployments.routing.embedder import Embedder, refuse_other_encoder
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.embedder_device import as_lent
from deployments.routing.encoder_tokens import EncoderTokens
from deployments.routing.router import Router
from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.metrics import EmbedderMetrics
from deployments.telemetry.ray_export import RayExport
from deployments.telemetry.tally import Tally
from deployments.telemetry.traced import (
    traced_backend,
    traced_embedder,
    traced_router,
)

_NO_TRACES = TelemetryConfig()


class EmbedderReplica:
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
        embedder = Embedder(batched, cache_size=config.cache_size, metrics=metrics)
        self._embedder = traced_embedder(embedder, spec.id, telemetry)
        self._spec = spec
        self._tokens = EncoderTokens(spec, encoder.tokenizer)
        self._load = batched.load
        self._check = batched.check

    async def embed(
        self,
        texts: Sequence[str],
        traces: Sequence[str] = (),
        encoder: str | None = None,
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts.

        RoutingUnavailable if `encoder` is the key of another one.
        """
        refuse_other_encoder(self._spec, encoder)
        return await self._embedder.embed(texts, traces)

    async def count_tokens(self, texts: Sequence[str]) -> tuple[list[int], bool]:
        """Tokens of each text; whether the encoder itself would count the same."""
        counts = await asyncio.to_thread(self._tokens.count, texts)
        return counts, self._tokens.exact

    async def spec(self) -> EncoderSpec:
        """Which encoder it is."""
        return self._spec

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """For Serve, which asks by this name: see `token_policy`."""
        return self._load.told()

    async def check_health(self) -> None:
        """Serve puts another in the place of one that raises: see `check`."""
        await self._check()


class RouterReplica:
    """A Router that takes another artifact through `user_config`, while serving."""

    def __init__(
        self,
        embedder: DeploymentHandle,
        artifact: str,
        config: RouterConfig,
        telemetry: TelemetryConfig = _NO_TRACES,
    ) -> None:
        metrics = EmbedderMetrics(Tally(RayExport()))
        self._configured = artifact
        loaded = load(directory_of(artifact))
        remote = RemoteEmbedder(embedder, loaded.manifest.encoder)
        self._router = Router(CachedEmbedder(remote, config, metrics), loaded)
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
        directory = await asyncio.to_thread(artifact_directory, artifact)
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
