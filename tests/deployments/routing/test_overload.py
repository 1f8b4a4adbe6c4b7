"""More new questions than the encoder can read: as many as it can are decided.

All but the hops is real. Without bounds on the waits, what is encoded was asked for so
long ago that nobody waits for it any more, and that for as long as the load lasts.
"""

import asyncio
import time
import warnings
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from artifacts.store import load
from deployments.errors import ServingError
from deployments.protocol.routing import RouteQuery, RouterLike, decided
from deployments.routing.batched_encoder import BatchedEncoder
from deployments.routing.cached_embedder import RouterConfig
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.served_embedder import ServedEmbedder
from deployments.routing.shared_router import SharedRouter
from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.metrics import EmbedderMetrics
from tests.artifacts.hand_made import bundled

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    from deployments.replicas import RouterReplica

PER_S = 200  # texts that the encoder reads
PATIENCE_S = 0.6
LOAD_S = 2.0


class SlowEncoder:
    """Takes the same time for each text, however many there are."""

    runs_batches = False
    tokenizer = None

    def __init__(self) -> None:
        artifact = load(bundled())
        self.spec = artifact.manifest.encoder
        self.row = artifact.centroids[0]
        self.n_read = 0

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [[1] * 32 for _ in texts]

    def encode_ids(self, windows: Sequence[list[int]]) -> np.ndarray:
        time.sleep(len(windows) / PER_S)
        self.n_read += len(windows)
        return np.repeat(self.row[None], len(windows), axis=0)


class SlowEmbedder(ServedEmbedder):
    def __init__(self, encoder: SlowEncoder) -> None:
        self._serve(
            BatchedEncoder(encoder, max_batch_tokens=4096),
            None,
            EmbedderConfig(),
            metrics=EmbedderMetrics(),
            telemetry=TelemetryConfig(),
        )


def graph(encoder: SlowEncoder) -> SharedRouter:
    embedder = SlowEmbedder(encoder)

    async def embed(*asked: Any) -> np.ndarray:
        return await embedder.embed(*asked)

    handle = SimpleNamespace(embed=SimpleNamespace(remote=embed))
    handle.options = lambda **_: handle
    config = RouterConfig()
    router = RouterReplica(handle, str(bundled()), config, route_timeout_s=PATIENCE_S)
    return SharedRouter(router, timeout_s=PATIENCE_S)


async def is_routed(router: RouterLike, text: str) -> bool:
    """As the Gateway asks: who gets no decision in time does without."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            decided((await router.route([RouteQuery(text, 0.5)])).decisions[0])
    except (TimeoutError, ServingError):
        return False
    return True


async def asked(router: RouterLike, name: str) -> int:
    """How many of new questions are routed, at twice the rate that can be read."""
    loop, asking = asyncio.get_running_loop(), []
    start = loop.time()
    for number in range(int(2 * PER_S * LOAD_S)):
        asking.append(asyncio.ensure_future(is_routed(router, f"{name} {number}")))
        await asyncio.sleep(start + number / (2 * PER_S) - loop.time())
    return sum(await asyncio.gather(*asking))


async def test_at_twice_what_the_encoder_can_it_works_for_those_who_still_wait():
    encoder = SlowEncoder()
    router = graph(encoder)
    await asked(router, "before")
    n_read = encoder.n_read
    n_routed = await asked(router, "question")

    # Without the bounds, it was none.
    assert n_routed > (encoder.n_read - n_read) / 2
