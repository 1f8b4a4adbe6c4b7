"""What must be shown: each figure against its bound."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from scripts.overhead.plan import DIRECT, base_cases
from scripts.overhead.report import Report
from scripts.overhead.sampling import Sample
from scripts.overhead.scenarios import (
    GATEWAY,
    MODELS,
    PLACED,
    TENANTS,
)
from scripts.overhead.summary import Spread, Summary, over, spread

_LITELLM = "LiteLLM"
_NOISE = 0.05  # two runs of the same differ by as much


@dataclass(frozen=True)
class Check:
    """`bound` is the most, or the least where `at_least`. What rests on samples with
    errors is not passed."""

    what: str
    figure: Spread | None  # None: not measured
    bound: float
    at_least: bool = False

    @property
    def passed(self) -> bool:
        if self.figure is None or "!" in self.figure.marks:
            return False
        if self.at_least:
            return self.figure.median >= self.bound
        return self.figure.median <= self.bound

    def __str__(self) -> str:
        relation = "≥" if self.at_least else "≤"
        if self.figure is None:
            return f"absent {self.what} ({relation} {self.bound:g})"
        verdict = "pass  " if self.passed else "MISS  "
        value = f"{self.figure.median:.2f}{self.figure.marks}"
        return f"{verdict} {self.what}: {value} ({relation} {self.bound:g})"


def checks(report: Report) -> list[Check]:
    """Of the scenarios that were run."""
    found: list[Check] = []
    for scenario, of in _BY_SCENARIO.items():
        if scenario in report.scenarios:
            found += of(report)
    if report.own:
        took = spread([own.decision_p50_us for own in report.own])
        found.append(Check("decision at 60 × 10, p50 µs", took, 60))
    return found


def _base(report: Report) -> Iterator[Check]:
    summary = report.summary("base")
    windows = {case.name: report.plan.window_s(case) for case in base_cases()}
    yield from _default_graph(summary, windows)
    if PLACED in summary.names:  # also if it did not start: then it has passed nothing
        yield from _placed(summary, windows)


def _default_graph(summary: Summary, windows: Mapping[str, float]) -> Iterator[Check]:
    cpu = _Cpu(summary, GATEWAY)
    yield Check("CPU-ms per plain request, c = 16", cpu("plain c=16 0 ms"), 4.0)
    yield Check("CPU-ms per plain request, c = 64", cpu("plain c=64 0 ms"), 3.2)
    added = summary.added(GATEWAY, "plain c=1 0 ms", lambda sample: sample.p50_ms)
    yield Check("added p50 at c = 1, ms", added, 7)
    yield Check("CPU-ms per 50-chunk stream, c = 16", cpu("stream c=16"), 6)
    beside = _BesideLiteLLM(summary, windows)
    yield from beside.rates(GATEWAY, "plain c={} 0 ms", 4)
    yield from beside.rates(GATEWAY, "stream c={}", 10)


def _placed(summary: Summary, windows: Mapping[str, float]) -> Iterator[Check]:
    cpu = _Cpu(summary, PLACED)
    for number in (16, 64):
        what = f"{PLACED}: CPU-ms per plain request, c = {number}"
        yield Check(what, cpu(f"plain c={number} 0 ms"), 2.0)
    stream = cpu("stream c=16")
    yield Check(f"{PLACED}: CPU-ms per 50-chunk stream, c = 16", stream, 3)
    yield from _BesideLiteLLM(summary, windows).rates(PLACED, "plain c={} 0 ms", 8)
    portkey = _Cpu(summary, "Portkey")("stream c=16")
    what = f"{PLACED}: CPU-ms per stream over Portkey's"
    yield Check(what, over(stream, portkey), 1.0)


@dataclass(frozen=True)
class _BesideLiteLLM:
    """Our rates over its own; `windows`: seconds of each case's samples."""

    summary: Summary
    windows: Mapping[str, float]

    def rates(self, target: str, case: str, least: float) -> Iterator[Check]:
        """At two concurrencies."""
        for number in (16, 64):
            name = case.format(number)
            theirs, whose = self._most(name)
            ratio = over(_rate(self.summary, target, name), theirs)
            what = f"{target}: answers/s over {whose}, {name}"
            yield Check(what, ratio, least, at_least=True)

    def _most(self, case: str) -> tuple[Spread | None, str]:
        """Its rate. A lower bound would make ours look better than it is: then what it
        was still working on counts as answered in time."""
        if case not in self.summary.slow_cases(_LITELLM):
            return _rate(self.summary, _LITELLM, case), "LiteLLM's"
        window_s = self.windows[case]
        most = self.summary.of(_LITELLM, case, lambda each: each.answers / window_s)
        return most, "the most that LiteLLM's can be"


def _cold(report: Report) -> Iterator[Check]:
    summary = report.summary("cold")
    for target in summary.names:
        if target != DIRECT:
            yield from _cold_of(report, summary, target)


def _cold_of(report: Report, summary: Summary, target: str) -> Iterator[Check]:
    added = summary.added(target, "cold c=1", lambda sample: sample.p50_ms)
    yield Check(f"{target}: new questions: added p50 at c = 1, ms", added, 10)
    own = spread([own.encoder_rate for own in report.own])
    what = f"{target}: new questions: answers/s over the encoder's own texts/s"
    for number in (16, 64):
        rate = _rate(summary, target, f"cold c={number}")
        yield Check(f"{what}, c = {number}", over(rate, own), 0.85, at_least=True)
    own = spread([own.encoder_long_rate for own in report.own])
    ratio = over(_rate(summary, target, "cold long c=16"), own)
    yield Check(f"{what}, 200 tokens, c = 16", ratio, 0.85, at_least=True)


def _growth(
    scenario: str, counts: tuple[int, int], what_of: str | None = None
) -> Callable[..., Iterator[Check]]:
    """Of the last two targets of a scenario, the second held against the first."""

    def growth(report: Report) -> Iterator[Check]:
        summary = report.summary(scenario)
        *_, few, many = summary.names
        for number in (16, 64):
            case = f"plain c={number} 0 ms"
            ratio = over(_Cpu(summary, many)(case), _Cpu(summary, few)(case))
            of = what_of or scenario
            what = f"CPU-ms per request, {counts[1]:,} over {counts[0]} {of}"
            yield Check(f"{what}, c = {number}", ratio, 1.1)

    return growth


def _replicas(report: Report) -> Iterator[Check]:
    summary = report.summary("replicas")
    for one, two in zip(summary.names[::2], summary.names[1::2], strict=True):
        for number in (16, 64):
            case = f"plain c={number} 0 ms"
            ratio = over(_rate(summary, two, case), _rate(summary, one, case))
            what = f"answers/s of {two} over {one}, c = {number}"
            yield Check(what, ratio, 1 - _NOISE, at_least=True)


_BY_SCENARIO: dict[str, Callable[[Report], Iterator[Check]]] = {
    "base": _base,
    "cold": _cold,
    "tenants": _growth("tenants", TENANTS),
    "limits": _growth("limits", TENANTS, "tenants with limits"),
    "models": _growth("models", MODELS),
    "replicas": _replicas,
}


@dataclass(frozen=True)
class _Cpu:
    summary: Summary
    target: str

    def __call__(self, case: str) -> Spread | None:
        return self.summary.of(self.target, case, _cpu_total)


def _cpu_total(sample: Sample) -> float:
    return sample.cpu_total_ms


def _rate(summary: Summary, target: str, case: str) -> Spread | None:
    return summary.of(target, case, lambda sample: sample.rate)
