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

from deployments.backends.breaker import Breaker, Breakers, Clock
from deployments.errors import ServingError, UpstreamTimeout
from serve_app.answering.config import RetryPolicy
from serve_app.answering.failure import BREAKER_OPEN, OVER_BUDGET, Failure
from serve_app.answering.last_word import last_word, over_budget
from serve_app.answering.retry_pauses import RetryPauses
from serve_app.answering.trial import Attempt, Trial


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
        self._pauses = RetryPauses(policy, clock, jitter)
        self._error: ServingError | None = None
        self._told: ServingError | None = None  # to the client, if nothing is left
        self._current: Trial | None = None
        self._tries = 0
        self._whole_s = self.time_left_s
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

    @property
    def left_alone(self) -> list[str]:
        """Models that were passed over as they have failed too often lately."""
        return [each.model for each in self.failures if each.reason == BREAKER_OPEN]

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
        trial, error = self._trial, self._error
        assert error is not None, "nothing was waited for"
        breaker = trial.breaker
        if breaker.wait_s == 0:
            trial.resumed()
            return 0.0
        wait_s = self._pauses.more(breaker, self._tries - 1)
        if wait_s is not None:
            return wait_s
        trial.abandoned()
        self._current = None
        error.retry_after_s = max(error.retry_after_s or 0.0, breaker.wait_s)
        raise error

    def over_budget(self) -> None:
        """The model that was to be asked costs more than what is left: pass it over."""
        self._unasked(OVER_BUDGET)

    def again(self, reason: str) -> None:
        """The model that was asked is to be asked once more, for something else, which
        counts as one try."""
        self._left.insert(0, self._unasked(reason))

    def failed(self, error: ServingError, *, hurried: bool = False) -> None:
        """The current attempt failed before its first byte.

        `hurried`: it had less time than the model may take to begin.
        """
        trial = self._trial
        error.model = trial.model
        self.failures.append(Failure(trial.model, error.code or error.error_type))
        trial.failed(error, hurried=hurried)
        self._error = error
        if self._told is None or error.passes or not self._told.passes:
            self._told = error
        self._current = None

    def began(self) -> None:
        """The first byte of an answer is here."""
        if self._current is not None:
            self._current.breaker.began()
        self._over = True

    def finished(self) -> None:
        """The answer is complete."""
        if self._current is not None:
            self._current.succeeded()
        self._over, self._current = True, None

    def broke(self, error: ServingError, *, hurried: bool = False) -> None:
        """The answer failed after its first byte."""
        if self._current is not None:
            self._current.failed(error, hurried=hurried)
        self._over, self._current = True, None

    def abandoned(self) -> None:
        """The client is gone, which says nothing about the model."""
        if self._current is not None:
            self._current.abandoned()
        self._over, self._current = True, None

    @property
    def _trial(self) -> Trial:
        assert self._current is not None, "nothing is being tried"
        return self._current

    def _unasked(self, reason: str) -> str:
        trial = self._trial
        trial.abandoned()
        self.failures.append(Failure(trial.model, reason))
        self._tries -= 1
        self._current = None
        return trial.model

    @property
    def _last_word(self) -> ServingError | None:
        shut_s = [self._breaker(model).wait_s for model in self.left_alone]
        return last_word(self._told, shut_s)

    def _fallback(self) -> Attempt:
        while self._left:
            model = self._left.pop(0)
            if not self._breaker(model).admit():
                self.failures.append(Failure(model, BREAKER_OPEN))
            else:
                return self._try(model)
        raise self._last_word or over_budget()

    def _retry(self, error: ServingError) -> Attempt:
        model = self._models[0]
        breaker = self._breaker(model)
        wait_s = self._pauses.begin(breaker, self._tries, self.time_left_s)
        # The budget did not cover it just now; whom else to ask there is not.
        too_dear = self.failures[-1].reason == OVER_BUDGET
        again = error.passes and not too_dear
        if wait_s is None or not again or self._tries > self._policy.max_retries:
            raise error
        if breaker.state != "closed" and breaker.wait_s == 0 and not breaker.admit():
            raise error
        return self._try(model, wait_s)

    def _try(self, model: str, wait_s: float = 0.0) -> Attempt:
        late = self.time_left_s < self._whole_s / 2
        self._current = Trial(model, self._breaker(model), late)
        self._tries += 1
        return Attempt(model, wait_s)

    def _breaker(self, model: str) -> Breaker:
        return self._breakers.of(self._key_of(model))
