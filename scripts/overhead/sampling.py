"""One sample: a load on a target, what came of it, and what it cost whom."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from scripts.overhead.accounts import HAPROXY, RAY, Machine, cpu_ms, machine
from scripts.overhead.load_process import LoadFailed, load_process
from scripts.overhead.seen import Seen, quantile
from scripts.overhead.targets import Target
from scripts.overhead.wire import WORDS, Load

# Of a load beside another: how much earlier it begins, and how much longer it may take
# until the other one has begun and ended.
_LEAD_S, _MARGIN_S = 1.0, 2.0


@dataclass(frozen=True)
class Case:
    """A load, apart from whom it is for.

    A sample takes `least_s` or longer: what has been worked on but not answered when it
    ends is not in its rate, which is much of a short sample of slow answers. `beside`:
    what others ask for meanwhile, of which only the cost is counted.
    """

    name: str
    connections: int = 1
    rate: float | None = None
    stream: bool = False
    delay_ms: float = 0.0
    chunk_gap_ms: float = 0.0
    texts: int = 100
    words: int = WORDS
    least_s: float = 0.0
    beside: "Case | None" = None

    def load(self, target: Target, seconds: float, seed: int) -> Load:
        return target.load(
            seconds,
            connections=self.connections,
            rate=self.rate,
            stream=self.stream,
            texts=self.texts,
            words=self.words,
            seed=0 if self.texts else seed,
        )


@dataclass(frozen=True)
class Sample:
    """Figures of one load. `cpu_ms` is per answer, by group of processes; `foreign` is
    the share of the machine that others used meanwhile."""

    answers: int
    rate: float
    p50_ms: float
    p99_ms: float
    first_token_p50_ms: float
    first_token_p99_ms: float
    cpu_ms: dict[str, float]
    client_cores: float
    foreign: float
    stolen: float
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def cpu_total_ms(self) -> float:
        return sum(self.cpu_ms.values())

    @property
    def cpu_ray_ms(self) -> float:
        """What of it Ray's own processes and HAProxy used."""
        return sum(self.cpu_ms.get(name, 0.0) for name in (RAY, HAPROXY))


@dataclass
class Spent:
    """Processor time between two moments."""

    seconds: float = 0.0
    target: Counter[str] = field(default_factory=Counter)
    client_ms: float = 0.0
    foreign_ms: float = 0.0
    stolen_ms: float = 0.0


def take(origin_port: int, target: Target, case: Case, seconds: float) -> Sample:
    """Runs one case. Raises ValueError if the upstream was asked less than answered."""
    answered = _tell(origin_port, case)
    seed = time.time_ns() % 2**31
    with _beside(target, case.beside, seconds):
        seen, spent = _measure(case.load(target, seconds, seed), target)
    asked = _tell(origin_port, case) - answered
    if asked < seen.answers:
        raise ValueError(f"{seen.answers} answers, but the upstream was asked {asked}")
    answers = seen.answers or 1
    whole_ms = spent.seconds * 1e3 * (os.cpu_count() or 1)
    return Sample(
        answers=seen.answers,
        rate=seen.rate,
        p50_ms=quantile(seen.latency_ms, 0.5),
        p99_ms=quantile(seen.latency_ms, 0.99),
        first_token_p50_ms=quantile(seen.first_token_ms, 0.5),
        first_token_p99_ms=quantile(seen.first_token_ms, 0.99),
        cpu_ms={name: used / answers for name, used in spent.target.items()},
        client_cores=spent.client_ms / spent.seconds / 1e3,
        foreign=max(0.0, spent.foreign_ms / whole_ms),
        stolen=spent.stolen_ms / whole_ms,
        errors=seen.errors,
    )


def _tell(origin_port: int, case: Case) -> int:
    """Sets the upstream to a case; how many requests it has answered."""
    terms = {"delay_ms": case.delay_ms, "chunk_gap_ms": case.chunk_gap_ms}
    url = f"http://127.0.0.1:{origin_port}/settings"
    return int(httpx.put(url, json=terms).json()["answered"])


def _measure(load: Load, target: Target) -> tuple[Seen, Spent]:
    with load_process(load) as asking:
        with _accounted(target, asking.pid) as spent:
            asking.begin()
            asking.wait()
        return asking.seen(), spent


@contextmanager
def _beside(target: Target, case: Case | None, seconds: float) -> Iterator[None]:
    """Another load, begun earlier and ended later; LoadFailed if it got no answer."""
    if case is None:
        yield
        return
    longer = seconds + _LEAD_S + _MARGIN_S
    with load_process(case.load(target, longer, time.time_ns() % 2**31)) as asking:
        asking.begin()
        time.sleep(_LEAD_S)
        yield
        asking.wait()
        if not asking.seen().answers:
            raise LoadFailed("the load beside it got no answer")


@contextmanager
def _accounted(target: Target, client: int) -> Iterator[Spent]:
    spent = Spent()
    before = _Moment.now(target, client)
    yield spent
    after = _Moment.now(target, client)
    spent.seconds = after.at - before.at
    spent.target = Counter(after.target)
    spent.target.subtract(before.target)
    spent.client_ms = after.client_ms - before.client_ms
    spent.stolen_ms = after.machine.stolen_ms - before.machine.stolen_ms
    busy = after.machine.busy_ms - before.machine.busy_ms
    spent.foreign_ms = busy - (after.ours_ms - before.ours_ms)


@dataclass(frozen=True)
class _Moment:
    at: float
    machine: Machine
    target: Counter[str]
    client_ms: float
    ours_ms: float

    @classmethod
    def now(cls, target: Target, client: int) -> "_Moment":
        return cls(
            at=time.perf_counter(),
            machine=machine(),
            target=cpu_ms([target.pid] if target.pid else []),
            client_ms=sum(cpu_ms([client]).values()),
            ours_ms=sum(cpu_ms([os.getpid()]).values()),
        )
