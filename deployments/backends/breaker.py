"""A circuit breaker for each model: one that keeps failing is left alone for a while.

    closed ──(≥ `failures` failed, and ≥ `share` of the recent ones)──→ open
    open ──(its time is over)──→ half-open ──(the one probe begins to answer)──→ closed
                                     └──────(the probe fails)──→ open, twice as long

A probe's last byte may be minutes after its first, so others need not wait for it; but
until one answer is complete, one failure opens the breaker again, twice as long. An
answer that is not streamed begins with its end: a probe that is silent for `open_s` is
followed by another, and that one after twice the time.
What began before the breaker opened says nothing new when it ends, however it does.
An upstream that says `Retry-After` opens it at once, for as long as it says: at a rate
limit it is no weaker each time.

Each Gateway replica keeps its own breakers. Sharing them would put a call on the path
of every request, and gain little: a replica learns from its own first few failures, and
those are answered by the next model of the ranking, so nothing is lost meanwhile.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from deployments.backends.breaker_config import BreakerConfig

State = Literal["closed", "open", "half-open"]
Clock = Callable[[], float]  # seconds, never going back

# Tenants have breakers of their own, and come and go: from so many on those go of which
# nothing was heard for so long.
_MANY = 10_000
_FORGOTTEN_S = 3600.0


class Breaker:
    """The breaker of one model."""

    def __init__(self, config: BreakerConfig, clock: Clock = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._recent: deque[tuple[float, bool]] = deque(maxlen=config.window)
        self._open_until: float | None = None
        self.openings = 0  # how often it has opened
        self._next_open_s = config.open_s
        self._unproven = False  # closed by an answer that has only begun
        self._probing_since: float | None = None
        self._probe_s = config.open_s  # so long others wait for it

    @property
    def state(self) -> State:
        """As it is now."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock() < self._open_until else "half-open"

    @property
    def wait_s(self) -> float:
        """Seconds until the model may be tried; 0 if it may be now."""
        if self._open_until is None:
            return 0.0
        return max(0.0, self._open_until - self._clock())

    def silent_since(self, moment: float) -> bool:
        """Whether nothing was heard of the model from then on."""
        heard = self._recent[-1][0] if self._recent else -math.inf
        return max(heard, self._open_until or -math.inf) < moment

    def admit(self) -> bool:
        """Whether an attempt may start; in half-open state it then is the probe."""
        state = self.state
        if state == "closed":
            return True
        if state == "open":
            return False
        now = self._clock()
        if self._probing_since is not None:
            if now < self._probing_since + self._probe_s:
                return False
            self._probe_s = min(2 * self._probe_s, self._config.max_open_s)
        self._probing_since = now
        return True

    def began(self) -> None:
        """The first byte of an answer is here."""
        if self.state == "half-open":
            self._close()
            self._unproven = True

    def succeeded(self, *, since: int | None = None) -> None:
        """An attempt was answered; `since`: `openings` when it began."""
        if self._is_stale(since):
            return  # it began before the breaker opened: no news
        self._probing_since = None
        if self.state == "open":
            return  # others were told meanwhile to wait longer
        if self._open_until is not None:
            self._close()
        self._unproven = False
        self._next_open_s = self._config.open_s
        self._recent.append((self._clock(), True))

    def failed(
        self, retry_after_s: float | None = None, *, since: int | None = None
    ) -> None:
        """An attempt failed in a way that says something about the model.

        `since`: `openings` when it began. One that hung may fail minutes after the
        breaker has opened: all that is new is how long to wait, if it says so.
        """
        now = self._clock()
        said_s = min(retry_after_s or 0.0, self._config.max_open_s)
        stale = self._is_stale(since)
        if stale and not said_s:
            return
        if self._open_until is None:
            self._recent.append((now, False))
            if said_s:
                self._open(said_s)
            elif (self._unproven and not stale) or self._tripped(now):
                self._open(self._next_open_s)
        elif now >= self._open_until and not stale:
            self._open(said_s or self._next_open_s)
        else:  # it is open, or this is no news but of until when
            self._open_until = max(self._open_until, now + said_s)
            if not stale:
                self._probing_since = None

    def abandoned(self, *, since: int | None = None) -> None:
        """An attempt ended without saying anything about the model; `since`: `openings`
        when it began. One from before it opened is not the probe."""
        if not self._is_stale(since):
            self._probing_since = None

    def _is_stale(self, since: int | None) -> bool:
        return since is not None and since < self.openings

    def _tripped(self, now: float) -> bool:
        oldest = now - self._config.window_s
        recent = [good for at, good in self._recent if at >= oldest]
        failures = recent.count(False)
        enough = failures >= self._config.share * len(recent)
        return failures >= self._config.failures and enough

    def _open(self, seconds: float) -> None:
        again_s = 2 * max(seconds, self._config.open_s)
        self._next_open_s = min(again_s, self._config.max_open_s)
        self._open_until = self._clock() + seconds
        self.openings += 1
        self._unproven = False
        self._probing_since = None
        self._probe_s = min(seconds, self._config.open_s)

    def _close(self) -> None:
        self._open_until = None
        self._probing_since = None
        self._recent.clear()


class Breakers:
    """The breakers of all models, made as they are asked for. Once they are very many,
    those are forgotten of which nothing was heard for long."""

    def __init__(self, config: BreakerConfig, clock: Clock = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._most = _MANY
        self._breakers: dict[str, Breaker] = {}

    def of(self, key: str) -> Breaker:
        """The breaker of a model, or of a model under a tenant's own key."""
        if key not in self._breakers:
            if len(self._breakers) >= self._most:
                self._forget()
            self._breakers[key] = Breaker(self._config, self._clock)
        return self._breakers[key]

    def states(self) -> dict[str, State]:
        """Of each that was asked for."""
        return {key: breaker.state for key, breaker in self._breakers.items()}

    def _forget(self) -> None:
        moment = self._clock() - _FORGOTTEN_S
        self._breakers = {
            key: breaker
            for key, breaker in self._breakers.items()
            if not breaker.silent_since(moment)
        }
        # All are looked through: not for each of very many that are in use.
        self._most = max(_MANY, 2 * len(self._breakers))
