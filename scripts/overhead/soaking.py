"""Hours of use in minutes: does memory grow, does anything fail?"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.overhead.accounts import part, pss_mib
from scripts.overhead.load_process import LoadFailed
from scripts.overhead.sampling import Case, Sample, take
from scripts.overhead.soaked import Capacity, Lost, Soak, SoakPlan
from scripts.overhead.targets import Start, Target, origin

_CONNECTIONS = 64  # of the closed loop that tells the capacity
_STREAMS_EVERY = 4  # slices of the time
_LEAST_S = 1.0  # of a slice


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
        while (left := until - now()) >= _LEAST_S:
            if now() >= again:
                self._ask_capacity()
                if self._found.capacities:  # else it is asked until it is known
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
        found, began = self._found, time.monotonic()
        sample, why = None, "no answer"
        try:
            sample = take(self._port, self._target, case, seconds)
            found.samples.append(sample)
        except LoadFailed as error:
            why = str(error)
        took = time.monotonic() - began
        if sample is None or not sample.answers:
            found.lost.append(Lost(why, took))
            return None
        found.known_s += took
        return sample


@contextmanager
def _watching(pid: int, found: Soak) -> Iterator[None]:
    """Looks at the memory of a tree of processes meanwhile."""
    began = time.monotonic()
    ended = threading.Event()

    def watch() -> None:
        due = began + found.plan.memory_every_s
        while not ended.wait(max(0.0, due - time.monotonic())):
            due += found.plan.memory_every_s
            seen = time.monotonic() - began
            if sizes := pss_mib([pid], by=part):  # without a process it is not small
                found.seconds.append(seen)
                found.memory_mib.append(sizes)

    thread = threading.Thread(target=watch, name="memory")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
