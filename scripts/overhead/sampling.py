"""One sample: a load on a target, what came of it, and what it cost whom."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from scripts.overhead.accounts import HAPROXY, RAY, cpu_ms
from scripts.overhead.disturbance import Others, watched
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
    """Figures of one load. `cpu_ms` is per answer, by group of processes, NaN without
    any; `foreign` and `stolen` are shares of the machine (`Others`)."""

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
    def taken(self) -> float:
        """The share of the machine that others had meanwhile."""
        return self.foreign + self.stolen

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
    others: Others = field(default_factory=Others)


def take(origin_port: int, target: Target, case: Case, seconds: float) -> Sample:
    """Runs one case. Raises ValueError if the upstream was asked less than answered."""
    answered = _tell(origin_port, case)
    seed = time.time_ns() % 2**31
    beside: list[Seen] = []
    with _beside(target, case.beside, seconds, beside):
        seen, spent = _measure(case.load(target, seconds, seed), target)
    asked = _tell(origin_port, case) - answered
    got = seen.answers + sum(each.answers for each in beside)
    if asked < got:
        raise ValueError(f"{got} answers, but the upstream was asked {asked}")
    answers = seen.answers or math.nan  # without one: unknown
    return Sample(
        answers=seen.answers,
        rate=seen.rate,
        p50_ms=quantile(seen.latency_ms, 0.5),
        p99_ms=quantile(seen.latency_ms, 0.99),
        first_token_p50_ms=quantile(seen.first_token_ms, 0.5),
        first_token_p99_ms=quantile(seen.first_token_ms, 0.99),
        cpu_ms={name: used / answers for name, used in spent.target.items()},
        client_cores=spent.client_ms / spent.seconds / 1e3,
        foreign=spent.others.foreign,
        stolen=spent.others.stolen,
        errors=seen.errors | _named_beside(beside),
    )


def _named_beside(beside: list[Seen]) -> dict[str, int]:
    return {
        f"beside it: {what}": number
        for seen in beside
        for what, number in seen.errors.items()
    }


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
def _beside(
    target: Target, case: Case | None, seconds: float, seen: list[Seen]
) -> Iterator[None]:
    """Another load, begun earlier and ended later, and what came of it; LoadFailed if
    it got no answer."""
    if case is None:
        yield
        return
    longer = seconds + _LEAD_S + _MARGIN_S
    with load_process(case.load(target, longer, time.time_ns() % 2**31)) as asking:
        asking.begin()
        time.sleep(_LEAD_S)
        yield
        asking.wait()
        seen.append(asking.seen())
        if not seen[-1].answers:
            raise LoadFailed("the load beside it got no answer")


@contextmanager
def _accounted(target: Target, client: int) -> Iterator[Spent]:
    with watched() as others:
        spent = Spent(others=others)
        began, before = time.perf_counter(), _used(target)
        client_ms = sum(cpu_ms([client]).values())
        yield spent
        spent.seconds = time.perf_counter() - began
        spent.client_ms = sum(cpu_ms([client]).values()) - client_ms
        spent.target = _used(target)
        spent.target.subtract(before)


def _used(target: Target) -> Counter[str]:
    return cpu_ms([target.pid] if target.pid else [])
