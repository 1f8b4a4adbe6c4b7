"""The classes that Ray runs: each builds its plain part and lends it to the handles.

`serve_app.app` makes deployments of them; nothing here is decorated.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.serve.handle import DeploymentHandle

from artifacts.encoder import EncoderSpec, load_encoder
from artifacts.store import ENCODER, load, load_manifest
from deployments.embedder import Embedder, EmbedderConfig
from deployments.handles import RemoteEmbedder
from deployments.openrouter import OpenRouterBackend, OpenRouterConfig
from deployments.protocol import (
    Answer,
    Backend,
    BackendRequest,
    Explanation,
    RouteQuery,
    Routes,
    Settlement,
)
from deployments.router import Router
from deployments.simulator import SimulatorBackend, SimulatorConfig
from deployments.sse import gathered

# How long answer bytes gather before they cross a handle, after the first ones.
_GATHER_S = 0.025


class EmbedderReplica:
    """An Embedder with the encoder of an artifact."""

    def __init__(self, artifact: Path, config: EmbedderConfig) -> None:
        spec: EncoderSpec = load_manifest(artifact).encoder
        encoder = load_encoder(spec, artifact / ENCODER, threads=config.threads)
        # The first inference allocates; better here than in the first request.
        encoder.encode(["warm-up"])
        self._embedder = Embedder(encoder, config)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts."""
        return await self._embedder.embed(texts)


class RouterReplica:
    """A Router that takes another artifact through `user_config`, while serving."""

    def __init__(self, embedder: DeploymentHandle, artifact: Path) -> None:
        self._router = Router(RemoteEmbedder(embedder), load(artifact))

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """`{"artifact": directory}`; BadInput if its encoder is not the Embedder's."""
        if path := user_config.get("artifact"):
            self._router.activate(load(Path(path)))

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision for each query."""
        return await self._router.route(queries)

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and why."""
        return await self._router.explain(query)


class BackendReplica:
    """A backend whose streams cross the handle in gathered frames."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer."""
        return await self._backend.complete(request)

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        """Frames of events, then the settlement."""
        settled: list[Settlement] = []

        async def events() -> AsyncIterator[bytes]:
            async for item in self._backend.stream(request):
                if isinstance(item, Settlement):
                    settled.append(item)
                else:
                    yield item

        async with aclosing(gathered(events(), _GATHER_S)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                yield frame
        yield settled[0]


class OpenRouterReplica(BackendReplica):
    """OpenRouter, with the key from the replica's own environment."""

    def __init__(self, config: OpenRouterConfig) -> None:
        super().__init__(OpenRouterBackend(config, config.api_key()))


class SimulatorReplica(BackendReplica):
    """The simulator."""

    def __init__(self, config: SimulatorConfig) -> None:
        super().__init__(SimulatorBackend(config))
