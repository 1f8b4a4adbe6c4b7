"""The Embedder deployment: texts in, unit vectors out, each distinct text once."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.encoder_spec import EncoderSpec
from deployments.telemetry.metrics import EmbedderMetrics

Vector = NDArray[np.float32]


class TextEncoder(Protocol):
    """Encodes one text at a time; how texts share a batch is its own affair."""

    @property
    def spec(self) -> EncoderSpec:
        """Which encoder it is."""

    async def vector(self, text: str) -> Vector:
        """The unit row (d,) of one text."""


class VectorCache:
    """The last `capacity` texts' vectors, by digest: no text is kept."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()

    def get(self, key: bytes) -> Vector | None:
        """The vector, which then counts as the most recently used."""
        vector = self._vectors.get(key)
        if vector is not None:
            self._vectors.move_to_end(key)
        return vector

    def put(self, key: bytes, vector: Vector) -> None:
        """Keep the vector; the least recently used one goes when it is full."""
        if self._capacity == 0:
            return
        self._vectors[key] = vector
        self._vectors.move_to_end(key)
        if len(self._vectors) > self._capacity:
            self._vectors.popitem(last=False)


class Embedder:
    """An encoder with a memory.

    Identical texts that are under way at the same time are encoded once.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        cache_size: int,
        metrics: EmbedderMetrics | None = None,
    ) -> None:
        self._encoder = encoder
        self._metrics = metrics or EmbedderMetrics()
        self._cache = VectorCache(cache_size)
        self._under_way: dict[bytes, asyncio.Task[Vector]] = {}

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str] = ()
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts."""
        if not texts:
            return np.zeros((0, self._encoder.spec.dimension), dtype=np.float32)
        self._metrics.asked(len(texts))
        return np.stack(await asyncio.gather(*map(self._vector, texts)))

    async def _vector(self, text: str) -> Vector:
        data = text.encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(data, digest_size=16).digest()
        cached = self._cache.get(key)
        if cached is not None:
            self._metrics.hit()
            return cached
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(self._encoder.vector(text))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._settle(key, done))
        # A caller that is cancelled must not take the text away from the others.
        return await asyncio.shield(task)

    def _settle(self, key: bytes, task: asyncio.Task[Vector]) -> None:
        del self._under_way[key]
        if not task.cancelled() and task.exception() is None:
            self._cache.put(key, task.result())
