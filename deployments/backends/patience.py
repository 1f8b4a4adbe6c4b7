"""Timing a stream by its events, not by its bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deployments.catalog import Timeouts
from deployments.errors import UpstreamTimeout


class Patience:
    """How long the next event of a stream may take to come."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._start = self._last = asyncio.get_running_loop().time()
        self._events = 0

    def saw(self, events: int) -> None:
        """`events` of the stream have come so far. Comments are no events: they keep a
        connection alive, not an answer."""
        if events > self._events:
            self._events = events
            self._last = asyncio.get_running_loop().time()

    @property
    def until(self) -> float:
        """The loop's time at which patience ends."""
        times = self._timeouts
        wait_s = times.between_tokens_s if self._events else times.first_token_s
        return min(self._last + wait_s, self._start + times.total_s)

    @asynccontextmanager
    async def waiting(self, generation_id: str | None = None) -> AsyncIterator[None]:
        """For one wait; UpstreamTimeout, of that generation, when patience ends."""
        try:
            async with asyncio.timeout_at(self.until):
                yield
        except TimeoutError:
            error = self.over()
            error.generation_id = generation_id
            raise error from None

    def over(self) -> UpstreamTimeout:
        """The error that says which limit it was."""
        times = self._timeouts
        if self.until >= self._start + times.total_s:
            return too_slow("total_s", times.total_s)
        if self._events:
            return too_slow("between_tokens_s", times.between_tokens_s)
        return too_slow("first_token_s", times.first_token_s)


def too_slow(name: str, seconds: float) -> UpstreamTimeout:
    """The error for the limit `name` of Timeouts."""
    what = f"The upstream did not answer in time ({name} = {seconds:g})."
    return UpstreamTimeout(what, code=f"upstream_timeout_{name.removesuffix('_s')}")
