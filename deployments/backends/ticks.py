"""A clock for all streams of a process that gather: they wake together."""

import asyncio
import time


class Ticks:
    """Moments `interval_s` apart, as long as somebody waits for one.

    One timer wakes all of them in one turn of the event loop; `asyncio.timeout` would
    cost each a timer, a cancellation and an exception.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        # Replicas begin at different times, so they do not all wake at once.
        self._origin = time.monotonic()
        self._waiting: list[asyncio.Future[None]] = []

    def next(self) -> asyncio.Future[None]:
        """Done at the next tick, or when whoever waits for it ends it."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            since_last_s = (loop.time() - self._origin) % self._interval_s
            loop.call_later(self._interval_s - since_last_s, self._tick)
        waiter = loop.create_future()
        self._waiting.append(waiter)
        return waiter

    def _tick(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
