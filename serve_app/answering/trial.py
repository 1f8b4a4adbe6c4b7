"""One try at a model, and what its breaker is told of it."""

from dataclasses import dataclass, field

from deployments.backends.breaker import Breaker
from deployments.errors import (
    Overloaded,
    QueueFull,
    RateLimited,
    ServingError,
    UpstreamError,
    UpstreamForbids,
    UpstreamTimeout,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What to do next: ask `model`, after a pause."""

    model: str
    wait_s: float = 0.0


@dataclass(slots=True)
class Trial:
    """A model that is being asked; `late`: when most of the request's time was used."""

    model: str
    breaker: Breaker
    late: bool = False
    _since: int = field(init=False)  # how often the breaker had opened when it began

    def __post_init__(self) -> None:
        self._since = self.breaker.openings

    def resumed(self) -> None:
        """The pause before it is over: it begins only now."""
        self._since = self.breaker.openings

    def succeeded(self) -> None:
        """Its answer is complete."""
        self.breaker.succeeded(since=self._since)

    def abandoned(self) -> None:
        """It ended in a way that says nothing about the model."""
        self.breaker.abandoned(since=self._since)

    def failed(self, error: ServingError, *, hurried: bool) -> None:
        """`hurried`: it had less time than the model may take to begin."""
        failed = isinstance(error, RateLimited | UpstreamError | Overloaded)
        # Who finds the queue full goes elsewhere; who waits in it is answered still.
        # What is forbidden to one may be the prompt: no tenant closes a model to all.
        # Nor does one that lets a model ahead use up the time of this one.
        late = hurried and self.late and isinstance(error, UpstreamTimeout)
        if failed and not late and not isinstance(error, UpstreamForbids | QueueFull):
            self.breaker.failed(error.retry_after_s, since=self._since)
        else:
            self.abandoned()
