"""Requests that try models one after another, by a clock of the test's."""

from deployments.backends.breaker import Breakers
from deployments.backends.breaker_config import BreakerConfig
from deployments.errors import ServingError, UpstreamError
from serve_app.answering.attempts import Attempts
from serve_app.answering.config import RetryPolicy
from serve_app.answering.trial import Attempt

DOWN = UpstreamError("down")
POLICY = RetryPolicy(max_fallbacks=2, max_retries=2, backoff_s=1, max_wait_s=5)


class World:
    """A clock and breakers that outlive one request."""

    def __init__(self) -> None:
        self.now = 0.0
        self.breakers = Breakers(BreakerConfig(failures=2, open_s=10), self.clock)

    def clock(self) -> float:
        return self.now

    def request(self, *models: str, policy=POLICY, deadline=100.0, jitter=0.5):
        return Attempts(
            models,
            policy,
            self.breakers,
            deadline,
            clock=self.clock,
            jitter=lambda: jitter,
        )

    def tried(self, attempts: Attempts, error: ServingError) -> list[Attempt]:
        """What is tried while everything fails with `error`, until it is raised."""
        made = []
        while True:
            try:
                made.append(attempts.next())
            except ServingError:
                return made
            self.now += made[-1].wait_s
            attempts.failed(error)
