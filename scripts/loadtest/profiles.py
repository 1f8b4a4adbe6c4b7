"""How many users there are at each time of a run."""

import math
from dataclasses import dataclass

PROFILES = ("smoke", "steady", "burst", "soak")
_RAMP = 0.1  # of the run, at most
_RAMP_S = 30.0
_SPAWN_S = 2.0  # for all users, if they are to come at once
_PERIOD_S = 60.0
_BURST_S = 15.0
_BURST = 3.0


@dataclass(frozen=True, slots=True)
class Profile:
    """`steady` and `soak` keep their users; `burst` triples them for a quarter of each
    minute. `smoke` is steady and short."""

    name: str
    users: int
    seconds: float

    def users_at(self, at: float) -> int | None:
        """None = the run is over."""
        if at >= self.seconds:
            return None
        ramp = self._ramp_s
        share = min(1.0, (at + 1.0) / ramp) if ramp > 1.0 else 1.0
        if self.name == "burst" and at % _PERIOD_S >= _PERIOD_S - _BURST_S:
            share *= _BURST
        return max(1, round(self.users * share))

    def spawn_rate(self, users: int) -> float:
        """How many come, or go, a second."""
        return max(1.0, users / _SPAWN_S)

    def counted(self, began: float, ended: float) -> range:
        """The whole seconds, in unix time, in which all users were there: after they
        have come, and before they are let go, or the run was `ended` early."""
        first = math.ceil(began + self._ramp_s + _SPAWN_S)
        return range(first, math.floor(min(began + self.seconds, ended)))

    @property
    def _ramp_s(self) -> float:
        return min(_RAMP_S, _RAMP * self.seconds)


# Users and seconds of a profile where none are stated.
DEFAULTS: dict[str, tuple[int, float]] = {
    "smoke": (4, 10.0),
    "steady": (20, 120.0),
    "burst": (20, 300.0),
    "soak": (30, 1800.0),
}
