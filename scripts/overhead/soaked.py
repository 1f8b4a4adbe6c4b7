"""What a soak has found: the load, its errors, and the memory of all processes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scripts.overhead.sampling import Sample


@dataclass(frozen=True)
class SoakPlan:
    """`share`: of what a closed loop gets, for `capacity_s` of each kind, every
    `again_s`: a machine that others use, too, gives now more, now less.

    Before it, `burst` at a time for `warm_s`, so that pools and heaps have had their
    worst moment. Memory is judged from `settle_s` on.
    """

    seconds: float = 1800.0
    settle_s: float = 300.0
    share: float = 0.7
    burst: int = 512
    warm_s: float = 60.0
    again_s: float = 180.0
    capacity_s: float = 10.0
    memory_every_s: float = 5.0
    slice_s: float = 30.0


@dataclass(frozen=True)
class Capacity:
    """Answers per second of a closed loop: plain, and streams."""

    plain: float
    streams: float


@dataclass(frozen=True)
class Lost:
    """A part of the time of which no figure is known, or without any answer."""

    why: str
    seconds: float


@dataclass
class Soak:
    """What was found. Memory: seconds since the start, and MiB by `part`; `known_s`:
    the time of which there are figures.

    The closed loops are part of the load: their answers and errors count.
    """

    plan: SoakPlan
    known_s: float = 0.0
    capacities: list[Capacity] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    memory_mib: list[dict[str, float]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)

    @property
    def known_share(self) -> float:
        """Of the time."""
        lost_s = sum(lost.seconds for lost in self.lost)
        return self.known_s / (self.known_s + lost_s) if self.known_s else 0.0

    @property
    def memory_share(self) -> float:
        """Of how often memory is to be looked at after the first minutes, how often it
        was: what was lost at the end, or on the way, is not in the line."""
        plan = self.plan
        due = int((plan.seconds - plan.settle_s) / plan.memory_every_s)
        return sum(at >= plan.settle_s for at in self.seconds) / max(1, due)

    @property
    def answers(self) -> int:
        return sum(sample.answers for sample in self.samples)

    @property
    def errors(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for sample in self.samples:
            for kind, number in sample.errors.items():
                found[kind] = found.get(kind, 0) + number
        return found

    @property
    def groups(self) -> list[str]:
        """All groups of processes, the largest first."""
        last = self.memory_mib[-1]
        return sorted(last, key=lambda name: -last[name])

    def series(self, group: str | None = None) -> list[float]:
        """MiB over time, of a group or of all."""
        return [
            sum(sizes.values()) if group is None else sizes.get(group, 0.0)
            for sizes in self.memory_mib
        ]

    def growth_mib_per_hour(self, group: str | None = None) -> float:
        """Slope of a line through what was seen after the first minutes."""
        return slope(self.seconds, self.series(group), self.plan.settle_s) * 3600

    @property
    def growth_per_hour(self) -> float:
        """The same of all, as a share of what they held at the end of those minutes."""
        late = [
            mib
            for at, mib in zip(self.seconds, self.series(), strict=True)
            if at >= self.plan.settle_s
        ]
        return self.growth_mib_per_hour() / late[0]


def slope(at: Sequence[float], values: Sequence[float], since: float) -> float:
    """Least squares over the points from `since` on. Raises ValueError below three."""
    points = [(t, v) for t, v in zip(at, values, strict=True) if t >= since]
    if len(points) < 3:
        raise ValueError(f"{len(points)} points of memory after {since:g} s: too few")
    times, sizes = np.array(points).T
    return float(np.polyfit(times, sizes, 1)[0])
