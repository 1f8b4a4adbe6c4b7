"""Which model is tried next, and when it is given up: a state machine without I/O.

    ready ──next()──→ trying ──began()──→ answering ──→ over
      ↑                  │                (after the first byte nothing is tried again)
      └────failed()──────┘

A model that fails in a way that another may not is followed by the next of the ranking,
at most `max_fallbacks` times. Where there is only one model, it is asked again instead,
at most `max_retries` times, after a growing pause or as long as the upstream said.
Models whose breaker is open are passed over, and so are those of which it is told that
the budget does not cover them. Nothing is begun when the time is over.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployments.backends.breaker import Breaker, Breakers, Clock
from deployments.errors import (
    Overloaded,
    RateLimited,
    ServingError,
    UpstreamError,
    UpstreamForbids,
    UpstreamTimeout,
)
from serve_app.answering.config import RetryPolicy


@dataclass(frozen=True, slots=True)
class Attempt:
    """What to do next: ask `model`, after a pause."""

    model: str
    wait_s: float = 0.0


# Why a model was passed over.
_BREAKER_OPEN = "breaker_open"
_OVER_BUDGET = "over_budget"


@dataclass(frozen=True, slots=True)
class Failure:
    """A model that was tried, or passed over, and why."""

    model: str
    reason: str  # an error's code, or one of those above


class Attempts:
    """One request's way through its models, best first."""

    def __init__(  # noqa: PLR0913  (what it decides by)
        self,
        models: Sequence[str],
        policy: RetryPolicy,
        breakers: Breakers,
        deadline: float,
        *,
        key_of: Callable[[str], str] = str,
        clock: Clock = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._models = tuple(models)
        self._left = list(models)
        self._policy = policy
        self._breakers = breakers
        self._deadline = deadline
        self._key_of = key_of
        self._clock = clock
        self._jitter = jitter
        self._error: ServingError | None = None
        self._told: ServingError | None = None  # to the client, if nothing is left
        self._current: str | None = None
        self._tries = 0
        self._since = 0  # how often the breaker had opened when the attempt began
        self._patient_until = 0.0  # with the pause before the current attempt
        self._whole_s = self.time_left_s
        self._late = False  # most of it was used before the current attempt
        self._over = False
        self.failures: list[Failure] = []

    @property
    def tried(self) -> bool:
        """Whether any model has been asked."""
        return self._error is not None

    @property
    def time_left_s(self) -> float:
        """Seconds until the request's deadline."""
        return self._deadline - self._clock()

    def next(self) -> Attempt:
        """The next attempt; raises what the client is to be told if there is none."""
        if self._over:
            raise AssertionError("an answer has begun: nothing is tried again")
        if self._error is not None and not self._error.retryable:
            raise self._error
        if self.time_left_s <= 0:
            raise self._last_word or UpstreamTimeout("The request's time is over.")
        if self._error is not None and len(self._models) == 1:
            return self._retry(self._error)
        if self._told is not None and self._tries > self._policy.max_fallbacks:
            raise self._last_word or self._told
        return self._fallback()

    def resumed(self) -> float:
        """The pause before the attempt is over: how much longer it lasts, as another
        request was told meanwhile; raises the last error if that is too long."""
        model, error = self._current, self._error
        assert model is not None, "nothing is being tried"
        assert error is not None, "nothing was waited for"
        breaker = self._breaker(model)
        if breaker.wait_s == 0:
            self._since = breaker.openings
            return 0.0
        most_s = self._patient_until - self._clock()
        wait_s = self._pause_s(breaker, self._tries - 1, most_s)
        if wait_s <= most_s:
            return wait_s
        breaker.abandoned(since=self._since)
        self._current = None
        error.retry_after_s = max(error.retry_after_s or 0.0, breaker.wait_s)
        raise error

    def over_budget(self) -> None:
        """The model that was to be asked costs more than what is left: pass it over."""
        model = self._current
        assert model is not None, "nothing is being tried"
        self._breaker(model).abandoned(since=self._since)
        self.failures.append(Failure(model, _OVER_BUDGET))
        self._tries -= 1
        self._current = None

    def failed(self, error: ServingError, *, hurried: bool = False) -> None:
        """The current attempt failed before its first byte.

        `hurried`: it had less time than the model may take to begin.
        """
        model = self._current
        assert model is not None, "nothing is being tried"
        error.model = model
        self.failures.append(Failure(model, error.code or error.error_type))
        self._judge(model, error, hurried=hurried)
        self._error = error
        if self._told is None or error.passes or not self._told.passes:
            self._told = error
        self._current = None

    def began(self) -> None:
        """The first byte of an answer is here."""
        if self._current is not None:
            self._breaker(self._current).began()
        self._over = True

    def finished(self) -> None:
        """The answer is complete."""
        if self._current is not None:
            self._breaker(self._current).succeeded(since=self._since)
        self._over, self._current = True, None

    def broke(self, error: ServingError, *, hurried: bool = False) -> None:
        """The answer failed after its first byte."""
        if self._current is not None:
            self._judge(self._current, error, hurried=hurried)
        self._over, self._current = True, None

    def abandoned(self) -> None:
        """The client is gone, which says nothing about the model."""
        if self._current is not None:
            self._breaker(self._current).abandoned(since=self._since)
        self._over, self._current = True, None

    def _fallback(self) -> Attempt:
        while self._left:
            model = self._left.pop(0)
            if not self._breaker(model).admit():
                self.failures.append(Failure(model, _BREAKER_OPEN))
            else:
                return self._try(model)
        raise self._last_word or _over_budget()

    @property
    def left_alone(self) -> list[str]:
        """Models that were passed over as they have failed too often lately."""
        return [each.model for each in self.failures if each.reason == _BREAKER_OPEN]

    @property
    def _last_word(self) -> ServingError | None:
        """What the client is told if nothing more is tried; None: the budget is why.

        That one model cannot hold the prompt is not the last word where another that
        can was only busy, or is left alone for a while: who is told so would not ask
        again.
        """
        told, shut = self._told, self.left_alone
        if not shut or (told is not None and told.passes):
            return told
        wait_s = min(self._breaker(model).wait_s for model in shut)
        what = "All models that may answer have failed too often lately."
        if told is not None:
            what = "The models that may take this request have failed too often lately."
        return Overloaded(what, code=_BREAKER_OPEN, retry_after_s=wait_s)

    def _retry(self, error: ServingError) -> Attempt:
        model = self._models[0]
        breaker = self._breaker(model)
        most_s = min(self._policy.max_wait_s, self.time_left_s)
        self._patient_until = self._clock() + most_s
        wait_s = self._pause_s(breaker, self._tries, most_s)
        patient = wait_s <= most_s
        # The budget did not cover it just now; whom else to ask there is not.
        too_dear = self.failures[-1].reason == _OVER_BUDGET
        again = error.passes and patient and not too_dear
        if not again or self._tries > self._policy.max_retries:
            raise error
        if breaker.state != "closed" and breaker.wait_s == 0 and not breaker.admit():
            raise error
        return self._try(model, wait_s)

    def _pause_s(self, breaker: Breaker, tries: int, most_s: float) -> float:
        """What the upstream said, and then not all who wait for it in one moment."""
        pause: float = self._policy.backoff_s * 2 ** (tries - 1)
        wait_s = pause * (0.5 + self._jitter())
        if breaker.wait_s <= wait_s:
            return wait_s
        wait_s += breaker.wait_s
        apart_s = min(breaker.wait_s / 2, most_s - wait_s)
        return wait_s + max(0.0, apart_s) * self._jitter()

    def _try(self, model: str, wait_s: float = 0.0) -> Attempt:
        self._current = model
        self._since = self._breaker(model).openings
        self._tries += 1
        self._late = self.time_left_s < self._whole_s / 2
        return Attempt(model, wait_s)

    def _breaker(self, model: str) -> Breaker:
        return self._breakers.of(self._key_of(model))

    def _judge(self, model: str, error: ServingError, *, hurried: bool) -> None:
        breaker = self._breaker(model)
        failed = isinstance(error, RateLimited | UpstreamError | Overloaded)
        # What is forbidden to one may be the prompt: no tenant closes a model to all.
        # Nor does one that lets a model ahead use up the time of this one.
        late = hurried and self._late and isinstance(error, UpstreamTimeout)
        if failed and not late and not isinstance(error, UpstreamForbids):
            breaker.failed(error.retry_after_s, since=self._since)
        else:
            breaker.abandoned(since=self._since)


def _over_budget() -> ServingError:
    """Who knows how much is left tells the client (`Admission.over_budget`)."""
    what = "The budget covers none of the models that may answer."
    return RateLimited(what, code="insufficient_quota")
