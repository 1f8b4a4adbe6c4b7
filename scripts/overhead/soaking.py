"""Hours of use in minutes: does memory grow, does anything fail?"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from scripts.overhead.accounts import part, pss_mib
from scripts.overhead.load_process import LoadFailed
from scripts.overhead.sampling import Case, Sample, take
from scripts.overhead.targets import Start, Target, origin

_CONNECTIONS = 64  # of the closed loop that tells the capacity
_STREAMS_EVERY = 4  # slices of the time


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


@dataclass
class Soak:
    """What was found. Memory: seconds since the start, and MiB by `part`.

    The closed loops are part of the load: their answers and errors count.
    """

    plan: SoakPlan
    capacities: list[Capacity] = field(default_factory=list)
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
        for stream in (False, True):
            case = Case("closed", plan.burst, stream=stream)
            take(port, target, case, plan.warm_s / 2)
        assert target.pid is not None
        with _watching(target.pid, found):
            _Load(port, target, found).run()
    return found


class _Load:
    """The requests of a soak, one slice after another."""

    def __init__(self, port: int, target: Target, found: Soak) -> None:
        self._port = port
        self._target = target
        self._found = found
        self._plan = found.plan

    def run(self) -> None:
        """Until the time is over."""
        now = time.monotonic
        until = again = now()
        until += self._plan.seconds
        slices = 0
        while (left := until - now()) > 0:
            if now() >= again:
                self._ask_capacity()
                if self._found.capacities:  # not so if the very first was lost
                    again = now() + self._plan.again_s
                continue
            stream = slices % _STREAMS_EVERY == _STREAMS_EVERY - 1
            self._take(self._open(stream=stream), min(left, self._plan.slice_s))
            slices += 1

    def _open(self, *, stream: bool) -> Case:
        latest = self._found.capacities[-1]
        capacity = latest.streams if stream else latest.plain
        return Case("open", rate=self._plan.share * capacity, stream=stream)

    def _ask_capacity(self) -> None:
        plain, streams = (
            self._take(
                Case("closed", _CONNECTIONS, stream=stream), self._plan.capacity_s
            )
            for stream in (False, True)
        )
        if plain is not None and streams is not None:
            self._found.capacities.append(Capacity(plain.rate, streams.rate))

    def _take(self, case: Case, seconds: float) -> Sample | None:
        try:
            sample = take(self._port, self._target, case, seconds)
        except LoadFailed as error:
            self._found.lost.append(str(error))
            return None
        self._found.samples.append(sample)
        return sample


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
