"""Vectors of texts, each made once: kept by digest, and shared while under way."""

import asyncio
import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.errors import RoutingUnavailable

Vector = NDArray[np.float32]
Made = Vector | Exception  # or why there is none


def directed(vector: Vector) -> Vector:
    """The same; RoutingUnavailable for one that points nowhere: zero, or not finite.

    What is nearest to such a vector is chance, and it would be kept.
    """
    if not 0 < float(vector.dot(vector)) < math.inf:
        raise RoutingUnavailable("The encoder made a vector without a direction.")
    return vector


def stacked(made: Sequence[Made]) -> NDArray[np.float32]:
    """Rows (n, d) in the same order, nan where there is no vector.

    Where there is none at all, it raises why the first is lacking.
    """
    rows = [each for each in made if not isinstance(each, Exception)]
    if len(rows) == len(made):
        return np.stack(rows)
    if not rows:
        [first, *_] = [each for each in made if isinstance(each, Exception)]
        raise first
    lacking = np.full_like(rows[0], np.nan)
    return np.stack([lacking if isinstance(row, Exception) else row for row in made])


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


@dataclass(slots=True, eq=False)
class _Making:
    """A vector under way, and how many callers still want it."""

    task: asyncio.Task[Vector]
    n_waiting: int = 1


class Vectors:
    """Looks vectors up, and has those that are missing made.

    All of them are of one encoder. `hits` and `misses` count texts since the start; one
    that is under way for somebody else is a hit, as it costs nothing. `on_hits` is told
    how many more there are. What nobody waits for any more is not made: `make` is
    cancelled. It is told a time of the loop's clock; what it has not begun by then, it
    may leave.
    """

    def __init__(
        self,
        make: Callable[[str, float], Coroutine[Any, Any, Vector]],
        cache_size: int,
        *,
        on_hits: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.hits = 0
        self._on_hits = on_hits
        self.misses = 0
        self._cache = VectorCache(cache_size)
        self._under_way: dict[_Key, _Making] = {}
        self._make = make

    async def of(self, texts: Sequence[str], until: float = math.inf) -> list[Made]:
        """The vectors in the order of the texts; where one cannot be made, what making
        it raised."""
        digests = [_digest(text) for text in texts]
        found = [self._cache.get(digest) for digest in digests]
        missing = [at for at, vector in enumerate(found) if vector is None]
        self._hit(len(texts) - len(missing))
        if not missing:
            return [vector for vector in found if vector is not None]
        keys = [(digests[at], until == math.inf) for at in missing]
        making = [
            self._begin(key, texts[at], until)
            for key, at in zip(keys, missing, strict=True)
        ]
        made = iter(await self._made(keys, making))
        return [next(made) if vector is None else vector for vector in found]

    def _hit(self, n_texts: int) -> None:
        self.hits += n_texts
        if n_texts:
            self._on_hits(n_texts)

    async def _made(
        self, keys: Sequence["_Key"], making: Sequence[_Making]
    ) -> list[Made]:
        try:
            # A caller that is cancelled must not take a text away from the others.
            shielded = [asyncio.shield(each.task) for each in making]
            made = await asyncio.gather(*shielded, return_exceptions=True)
        except BaseException:
            for key, each in zip(keys, making, strict=True):
                self._leave(key, each)
            raise
        return [_outcome(each) for each in made]

    def _begin(self, key: "_Key", text: str, until: float) -> _Making:
        making = self._under_way.get(key)
        if making is not None:
            making.n_waiting += 1
            self._hit(1)
            return making
        self.misses += 1
        making = _Making(asyncio.ensure_future(self._make(text, until)))
        self._under_way[key] = making
        making.task.add_done_callback(lambda _: self._settle(key, making))
        return making

    def _leave(self, key: "_Key", making: _Making) -> None:
        """The last to go takes the text along: it would only delay what is wanted."""
        making.n_waiting -= 1
        if making.n_waiting == 0:
            making.task.cancel()
            self._forget(key, making)  # whoever asks from now on begins anew

    def _settle(self, key: "_Key", making: _Making) -> None:
        self._forget(key, making)
        task = making.task
        if not task.cancelled() and task.exception() is None:
            self._cache.put(key[0], task.result())

    def _forget(self, key: "_Key", making: _Making) -> None:
        if self._under_way.get(key) is making:
            del self._under_way[key]


# A text's digest, and whether it is made however long its turn takes: who waits so must
# not be told that it came too late for another.
_Key = tuple[bytes, bool]


def _digest(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()


def _outcome(made: Vector | BaseException) -> Made:
    if isinstance(made, BaseException) and not isinstance(made, Exception):
        return RuntimeError("the making of a vector was cancelled")
    return made
