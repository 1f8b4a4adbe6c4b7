"""Hours of use in minutes: does memory grow, does anything fail?"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from scripts.overhead.accounts import part, pss_mib
from scripts.overhead.sampling import Case, LoadFailed, Sample, take
from scripts.overhead.targets import Start, Target, origin

_CONNECTIONS = 64  # of the closed loop that tells the capacity
_STREAMS_EVERY = 4  # slices of the time


@dataclass(frozen=True)
class SoakPlan:
    """`share`: of the capacity. Memory is judged from `settle_s` on."""

    seconds: float = 1800.0
    settle_s: float = 300.0
    share: float = 0.7
    capacity_s: float = 60.0  # ten seconds tell of the moment only
    memory_every_s: float = 5.0
    slice_s: float = 30.0


@dataclass
class Soak:
    """What was found. Memory: seconds since the start, and MiB by `part`."""

    plan: SoakPlan
    capacity: float = 0.0
    stream_capacity: float = 0.0
    seconds: list[float] = field(default_factory=list)
    memory_mib: list[dict[str, float]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # slices: why nothing is known

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


def soak(start: Start, plan: SoakPlan) -> Soak:
    """Runs it: plain requests, and every few slices streams."""
    found = Soak(plan)
    with origin() as port, start(port) as target:
        found.capacity = _capacity(port, target, plan, stream=False)
        found.stream_capacity = _capacity(port, target, plan, stream=True)
        assert target.pid is not None
        with _watching(target.pid, found):
            until = time.monotonic() + plan.seconds
            while (left := until - time.monotonic()) > 0:
                stream = len(found.samples) % _STREAMS_EVERY == _STREAMS_EVERY - 1
                capacity = found.stream_capacity if stream else found.capacity
                case = Case("open", rate=plan.share * capacity, stream=stream)
                try:
                    sample = take(port, target, case, min(left, plan.slice_s))
                except LoadFailed as error:
                    found.lost.append(str(error))
                else:
                    found.samples.append(sample)
    return found


def _capacity(port: int, target: Target, plan: SoakPlan, *, stream: bool) -> float:
    """Answers per second of a closed loop, the second time."""
    case = Case("closed", _CONNECTIONS, stream=stream)
    take(port, target, case, plan.capacity_s / 2)
    return take(port, target, case, plan.capacity_s).rate


@contextmanager
def _watching(pid: int, found: Soak) -> Iterator[None]:
    """Looks at the memory of a tree of processes meanwhile."""
    began = time.monotonic()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(found.plan.memory_every_s):
            found.seconds.append(time.monotonic() - began)
            found.memory_mib.append(pss_mib([pid], by=part))

    thread = threading.Thread(target=watch, name="memory")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
