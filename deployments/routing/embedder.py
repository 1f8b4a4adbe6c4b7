"""The Embedder deployment: texts in, unit vectors out, each distinct text once."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from artifacts.encoder import Encoder
from deployments.routing.coalescing import Coalescer

Vector = NDArray[np.float32]

# Of English text; only the size of a batch depends on it.
_CHARACTERS_PER_TOKEN = 4


class EmbedderConfig(BaseModel):
    """How one Embedder runs its encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = Field(default=1, ge=1)
    max_batch_tokens: int = Field(default=4096, ge=1)
    cache_size: int = Field(default=10_000, ge=0, description="texts")


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
    """Runs one encoder off the event loop.

    Texts that arrive while a batch is being encoded form the next one, bounded by
    tokens: what a batch costs is its tokens, not its count. Identical texts that are
    under way at the same time are encoded once.
    """

    def __init__(self, encoder: Encoder, config: EmbedderConfig) -> None:
        self._encoder = encoder
        self._window = encoder.spec.max_tokens
        self._cache = VectorCache(config.cache_size)
        self._under_way: dict[bytes, asyncio.Task[Vector]] = {}
        # One thread: a batch already uses the threads that the encoder was given.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._encode = Coalescer[str, Vector](
            self._encode_batch, max_weight=config.max_batch_tokens, weigh=self._tokens
        )

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts."""
        if not texts:
            return np.zeros((0, self._encoder.spec.dimension), dtype=np.float32)
        return np.stack(await asyncio.gather(*map(self._vector, texts)))

    async def _vector(self, text: str) -> Vector:
        data = text.encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(data, digest_size=16).digest()
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(self._encode(text))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._settle(key, done))
        # A caller that is cancelled must not take the text away from the others.
        return await asyncio.shield(task)

    def _settle(self, key: bytes, task: asyncio.Task[Vector]) -> None:
        del self._under_way[key]
        if not task.cancelled() and task.exception() is None:
            self._cache.put(key, task.result())

    async def _encode_batch(self, texts: Sequence[str]) -> Sequence[Vector]:
        loop = asyncio.get_running_loop()
        return list(
            await loop.run_in_executor(self._thread, self._encoder.encode, texts)
        )

    def _tokens(self, text: str) -> float:
        return min(self._window, 1 + len(text) / _CHARACTERS_PER_TOKEN)
