"""Vectors of texts, each made once: kept by digest, and shared while under way."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


class VectorCache:
    """The last `capacity` texts' vectors, by digest: no text is kept."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

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
        # A copy: a row would keep all of its batch in memory.
        self._vectors[key] = vector.copy()
        self._vectors.move_to_end(key)
        if len(self._vectors) > self._capacity:
            self._vectors.popitem(last=False)


class Vectors:
    """Looks vectors up, and has those that are missing made.

    All of them are of one encoder. `hits` and `misses` count texts since the start; one
    that is under way for somebody else is a hit, as it costs nothing. `on_hits` is told
    how many more there are.
    """

    def __init__(
        self,
        make: Callable[[str], Awaitable[Vector]],
        cache_size: int,
        *,
        on_hits: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.hits = 0
        self._on_hits = on_hits
        self.misses = 0
        self._cache = VectorCache(cache_size)
        self._under_way: dict[bytes, asyncio.Task[Vector]] = {}
        self._make = make

    async def of(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors in the order of the texts; raises what making one raised."""
        keys = [_digest(text) for text in texts]
        found = [self._cache.get(key) for key in keys]
        missing = [at for at, vector in enumerate(found) if vector is None]
        self._hit(len(texts) - len(missing))
        if missing:
            tasks = [self._begin(keys[at], texts[at]) for at in missing]
            # A caller that is cancelled must not take a text away from the others.
            made = await asyncio.gather(*map(asyncio.shield, tasks))
            for at, vector in zip(missing, made, strict=True):
                found[at] = vector
        return [vector for vector in found if vector is not None]

    def _hit(self, n_texts: int) -> None:
        self.hits += n_texts
        if n_texts:
            self._on_hits(n_texts)

    def _begin(self, key: bytes, text: str) -> asyncio.Task[Vector]:
        task = self._under_way.get(key)
        if task is not None:
            self._hit(1)
            return task
        self.misses += 1
        task = asyncio.ensure_future(self._make(text))
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._settle(key, done))
        return task

    def _settle(self, key: bytes, task: asyncio.Task[Vector]) -> None:
        del self._under_way[key]
        if not task.cancelled() and task.exception() is None:
            self._cache.put(key, task.result())


def _digest(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()
