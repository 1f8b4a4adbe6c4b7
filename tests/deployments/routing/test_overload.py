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
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from artifacts.store import load
from artifacts.token_window import TokenIds
from deployments.errors import ServingError
from deployments.protocol.routing import RouteQuery, RouterLike, decided
from deployments.routing.batched_encoder import BatchedEncoder
from deployments.routing.cached_embedder import RouterConfig
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.pooled_encoder import PooledEncoder
from deployments.routing.served_embedder import LoadedEncoder, ServedEmbedder
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


class QueueingEngine:
    """As vLLM's: it queues whatever comes and is not cancelled, and reads the oldest
    together, as many as a batch may have tokens."""

    batch_tokens = 32

    def __init__(self) -> None:
        artifact = load(bundled())
        self.spec = artifact.manifest.encoder
        self.row = artifact.centroids[0]
        self.n_read = 0
        self._waiting: list[tuple[int, asyncio.Future[np.ndarray]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def pool(self, ids: TokenIds) -> np.ndarray:
        vector: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self._waiting.append((len(ids), vector))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())
        return await vector

    async def _read(self) -> None:
        while batch := self._batch():
            await asyncio.sleep(len(batch) / PER_S)
            self.n_read += len(batch)
            for vector in batch:
                if not vector.done():
                    vector.set_result(self.row)

    def _batch(self) -> list[asyncio.Future[np.ndarray]]:
        self._waiting = [each for each in self._waiting if not each[1].done()]
        batch: list[asyncio.Future[np.ndarray]] = []
        room = self.batch_tokens
        while self._waiting and self._waiting[0][0] <= room:
            tokens, vector = self._waiting.pop(0)
            batch.append(vector)
            room -= tokens
        return batch


def tokenizer() -> Tokenizer:
    """A token for each word."""
    made = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = Whitespace()
    return made


class SlowEmbedder(ServedEmbedder):
    def __init__(self, encoder: LoadedEncoder) -> None:
        self._serve(
            encoder,
            None,
            EmbedderConfig(),
            metrics=EmbedderMetrics(),
            telemetry=TelemetryConfig(),
        )


def graph(encoder: LoadedEncoder) -> SharedRouter:
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


async def asked(router: RouterLike, name: str, times: float) -> int:
    """How many of new questions are routed, at so many times the rate that can be
    read."""
    loop, asking = asyncio.get_running_loop(), []
    start = loop.time()
    for number in range(int(times * PER_S * LOAD_S)):
        asking.append(asyncio.ensure_future(is_routed(router, f"{name} {number}")))
        await asyncio.sleep(start + number / (times * PER_S) - loop.time())
    return sum(await asyncio.gather(*asking))


async def test_at_twice_what_the_encoder_can_it_works_for_those_who_still_wait():
    encoder = SlowEncoder()
    router = graph(BatchedEncoder(encoder, max_batch_tokens=4096))
    await asked(router, "before", times=2)
    n_read = encoder.n_read
    n_routed = await asked(router, "question", times=2)

    # Without the bounds, it was none.
    assert n_routed > (encoder.n_read - n_read) / 2


async def test_an_engine_that_queues_is_given_no_more_than_it_can_read_in_time():
    engine = QueueingEngine()
    most_tokens = 2 * engine.batch_tokens
    pooled = PooledEncoder(
        engine.spec, tokenizer(), engine.pool, most_tokens=most_tokens
    )
    router = graph(pooled)
    await asked(router, "before", times=5)
    n_read = engine.n_read
    n_routed = await asked(router, "question", times=5)

    # Without the bound, it was none.
    assert n_routed > (engine.n_read - n_read) / 5
