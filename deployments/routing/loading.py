"""Loading artifacts in threads: a store that hangs holds up only what lies in it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar

from artifacts.errors import ArtifactError
from artifacts.remote import shown

A = TypeVar("A")

_AT_ONCE = 2  # of those that are quick
# One that takes longer waits for its store, and not for us: the next may begin.
_QUICK_S = 5.0
_LIMIT_S = 100.0  # below what `avengers artifacts` waits
# What hangs cannot be ended, and may hang for good: no more threads for one place.
_HANGING = 2


class Loading(Generic[A]):
    """Calls `load` for a location, each time in a thread of its own.

    ArtifactError, in the place of what `load` raises: it took longer than `limit_s`.
    Its thread is left to itself then; a replica that ends does not wait for it.
    """

    def __init__(
        self,
        load: Callable[[str], A],
        *,
        quick_s: float = _QUICK_S,
        limit_s: float = _LIMIT_S,
    ) -> None:
        self._load = load
        self._quick_s = quick_s
        self._limit_s = limit_s
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._running: Counter[str] = Counter()

    async def __call__(self, location: str) -> A:
        """What lies there now."""
        async with self._turns:
            if self._running[location] >= _HANGING:
                what = "earlier tries to read it have not come to an end"
                raise ArtifactError(shown(location), what)
            loading = self._begin(location)
            done, _ = await asyncio.wait([loading], timeout=self._quick_s)
        if not done:
            await asyncio.wait([loading], timeout=self._limit_s - self._quick_s)
        if not loading.done():
            what = f"it could not be read within {self._limit_s:g} s"
            raise ArtifactError(shown(location), what)
        return loading.result()

    def _begin(self, location: str) -> asyncio.Future[A]:
        loaded: Future[A] = Future()
        loaded.set_running_or_notify_cancel()
        self._running[location] += 1
        loading = asyncio.wrap_future(loaded)
        loading.add_done_callback(lambda done: self._ended(location, done))
        # Not of a pool: the interpreter would wait for it at its end.
        Thread(
            target=_run,
            args=(self._load, location, loaded),
            name="artifact",
            daemon=True,
        ).start()
        return loading

    def _ended(self, location: str, loading: asyncio.Future[A]) -> None:
        self._running[location] -= 1
        if not self._running[location]:
            del self._running[location]
        if not loading.cancelled():
            loading.exception()  # whoever waited may be gone


def _run(load: Callable[[str], A], location: str, loaded: Future[A]) -> None:
    try:
        loaded.set_result(load(location))
    except BaseException as error:  # noqa: BLE001  (for whoever waits)
        loaded.set_exception(error)
