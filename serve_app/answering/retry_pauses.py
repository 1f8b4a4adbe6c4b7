"""How long is waited before the same model is asked again."""

from collections.abc import Callable

from deployments.backends.breaker import Breaker, Clock
from serve_app.answering.config import RetryPolicy


class RetryPauses:
    """The pauses of one request. Each takes `tries`, how often its model was asked.

    A pause is twice the one before. If the upstream said how long to wait, it comes
    after that: not all who wait for it come in one moment.
    """

    def __init__(
        self, policy: RetryPolicy, clock: Clock, jitter: Callable[[], float]
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._jitter = jitter
        self._until = 0.0  # with the present pause and what is added to it

    def begin(self, breaker: Breaker, tries: int, time_left_s: float) -> float | None:
        """Seconds; None: longer than anybody waits."""
        most_s = min(self._policy.max_wait_s, time_left_s)
        self._until = self._clock() + most_s
        return self._within(most_s, breaker, tries)

    def more(self, breaker: Breaker, tries: int) -> float | None:
        """What is added to the present one, as the upstream has told another request to
        wait; None: too long in all."""
        return self._within(self._until - self._clock(), breaker, tries)

    def _within(self, most_s: float, breaker: Breaker, tries: int) -> float | None:
        pause_s: float = self._policy.backoff_s * 2 ** (tries - 1)
        wait_s = pause_s * (0.5 + self._jitter())
        if breaker.wait_s > wait_s:
            wait_s += breaker.wait_s
            apart_s = min(breaker.wait_s / 2, most_s - wait_s)
            wait_s += max(0.0, apart_s) * self._jitter()
        return wait_s if wait_s <= most_s else None
