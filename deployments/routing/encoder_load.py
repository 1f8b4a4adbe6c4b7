"""How much an encoder has to do, in the tokens that it reads of each text."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from deployments.routing.token_policy import QUEUED_TOKENS, TOKENS_PER_S

T = TypeVar("T")
_LEAST_S = 0.5
_SILENT_S = 10.0  # no batch that is worth waiting for takes so long


class EncoderLoad:
    """Counts in one event loop: sums for each text, nothing while nobody asks.

    A text waits from when it is tokenised until its vector is there. Padding is not
    counted, nor what a cache answered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._queued = self._encoded = 0
        self._since = clock()
        self._per_s = 0.0
        self._unanswered_since: float | None = None

    async def through(self, tokens: int, encoding: Awaitable[T]) -> T:
        """What `encoding` answers, its text of so many tokens counted.

        One that is given up or fails waits no longer, but was not encoded.
        """
        if self._unanswered_since is None:
            self._unanswered_since = self._clock()
        self._queued += tokens
        try:
            answer = await encoding
        finally:
            self._queued -= tokens
        self._encoded += tokens
        self._unanswered_since = self._clock() if self._queued else None
        return answer

    @property
    def silent(self) -> bool:
        """Whether a text was asked for a while ago, and none was encoded since.

        The encoder hangs, or whoever asked has left: callers give up before it does, so
        what waits now does not tell.
        """
        since = self._unanswered_since
        return since is not None and self._clock() - since > _SILENT_S

    def told(self) -> dict[str, float]:
        """What waits now, and tokens a second since this was last asked; asked again at
        once, those of before."""
        now = self._clock()
        if now - self._since >= _LEAST_S:
            self._per_s = self._encoded / (now - self._since)
            self._encoded, self._since = 0, now
        return {QUEUED_TOKENS: float(self._queued), TOKENS_PER_S: self._per_s}
