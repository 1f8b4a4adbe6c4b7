"""Timing a stream by its events, not by its bytes."""

import asyncio
from types import TracebackType

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

    def excused(self) -> "_Excuse":
        """For what the client takes: who reads slowly is no silent upstream."""
        return _Excuse(self)

    def wait_longer(self, seconds: float) -> None:
        """Every limit is reached so much later."""
        self._start += seconds
        self._last += seconds

    @property
    def until(self) -> float:
        """The loop's time at which patience ends."""
        times = self._timeouts
        wait_s = times.between_tokens_s if self._events else times.first_token_s
        return min(self._last + wait_s, self._start + times.total_s)

    def waiting(self, generation_id: str | None = None) -> "_Wait":
        """For one wait; UpstreamTimeout, of that generation, when patience ends."""
        return _Wait(self, generation_id)

    def over(self) -> UpstreamTimeout:
        """The error that says which limit it was."""
        times = self._timeouts
        if self.until >= self._start + times.total_s:
            return too_slow("total_s", times.total_s)
        if self._events:
            return too_slow("between_tokens_s", times.between_tokens_s)
        return too_slow("first_token_s", times.first_token_s)


class _Wait:
    """There is one for each chunk, and a generator's context would cost twice this."""

    __slots__ = ("_generation_id", "_patience", "_timeout")

    def __init__(self, patience: Patience, generation_id: str | None) -> None:
        self._patience = patience
        self._generation_id = generation_id
        self._timeout = asyncio.timeout_at(patience.until)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, traceback)
            own = isinstance(error, TimeoutError)
        except TimeoutError:
            own = True
        if own:
            over = self._patience.over()
            over.generation_id = self._generation_id
            raise over from None


class _Excuse:
    """Around handing on what has come."""

    __slots__ = ("_now", "_patience", "_since")

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._now = asyncio.get_running_loop().time

    def __enter__(self) -> None:
        self._since = self._now()

    def __exit__(self, *_: object) -> None:
        self._patience.wait_longer(self._now() - self._since)


def too_slow(name: str, seconds: float) -> UpstreamTimeout:
    """The error for the limit `name` of Timeouts."""
    what = f"The upstream did not answer in time ({name} = {seconds:g})."
    return UpstreamTimeout(what, code=f"upstream_timeout_{name.removesuffix('_s')}")
