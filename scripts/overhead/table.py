"""The main scenario's figures as rows of text, for the terminal and for Markdown."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from scripts.overhead.plan import DIRECT
from scripts.overhead.sampling import Sample
from scripts.overhead.summary import Spread, Summary


@dataclass(frozen=True)
class Column:
    """A heading, and the figure of a target below it."""

    heading: str
    figure: Callable[[Summary, str], Spread | None]


def _of(case: str, name: str) -> Callable[[Summary, str], Spread | None]:
    return lambda summary, target: summary.of(target, case, _value(name))


def _added(case: str, name: str) -> Callable[[Summary, str], Spread | None]:
    def figure(summary: Summary, target: str) -> Spread | None:
        if target == DIRECT:
            return summary.of(target, case, _value(name))
        return summary.added(target, case, _value(name))

    return figure


def _cpu(case: str, name: str = "cpu_total_ms") -> Callable[..., Spread | None]:
    def figure(summary: Summary, target: str) -> Spread | None:
        return None if target == DIRECT else summary.of(target, case, _value(name))

    return figure


def _value(name: str) -> Callable[[Sample], float]:
    return lambda sample: float(getattr(sample, name))


LATENCY = (
    Column("c = 1, p50", _added("plain c=1 0 ms", "p50_ms")),
    Column("p99", _added("plain c=1 0 ms", "p99_ms")),
    Column("upstream 50 ms, p50", _added("plain c=1 50 ms", "p50_ms")),
    Column("first token, c = 1", _added("stream c=1", "first_token_p50_ms")),
    Column("open 50/s, p50", _added("open 50/s", "p50_ms")),
    Column("p99", _added("open 50/s", "p99_ms")),
    Column("open 200/s, p50", _added("open 200/s", "p50_ms")),
    Column("p99", _added("open 200/s", "p99_ms")),
)
RATE = (
    Column("plain c = 16", _of("plain c=16 0 ms", "rate")),
    Column("c = 64", _of("plain c=64 0 ms", "rate")),
    Column("upstream 50 ms, c = 16", _of("plain c=16 50 ms", "rate")),
    Column("c = 64", _of("plain c=64 50 ms", "rate")),
    Column("streams c = 16", _of("stream c=16", "rate")),
    Column("c = 64", _of("stream c=64", "rate")),
)
CPU = (
    Column("plain c = 1", _cpu("plain c=1 0 ms")),
    Column("c = 16", _cpu("plain c=16 0 ms")),
    Column("of it Ray, HAProxy", _cpu("plain c=16 0 ms", "cpu_ray_ms")),
    Column("c = 64", _cpu("plain c=64 0 ms")),
    Column("upstream 50 ms, c = 64", _cpu("plain c=64 50 ms")),
    Column("stream c = 16", _cpu("stream c=16")),
    Column("c = 64", _cpu("stream c=64")),
    Column("paced c = 64", _cpu("paced stream c=64")),
)
MEMORY = (
    Column("idle", lambda summary, target: summary.memory(target)[0]),
    Column("after", lambda summary, target: summary.memory(target)[1]),
)
PLAIN = (
    Column("c = 1, p50 ms", _of("plain c=1 0 ms", "p50_ms")),
    Column("answers/s, c = 16", _of("plain c=16 0 ms", "rate")),
    Column("c = 64", _of("plain c=64 0 ms", "rate")),
    Column("CPU-ms, c = 16", _cpu("plain c=16 0 ms")),
    Column("c = 64", _cpu("plain c=64 0 ms")),
    *(replace(column, heading=f"MiB {column.heading}") for column in MEMORY),
)
COLD = (
    Column("adds at c = 1, p50 ms", _added("cold c=1", "p50_ms")),
    Column("p99", _added("cold c=1", "p99_ms")),
    Column("answers/s, c = 16", _of("cold c=16", "rate")),
    Column("c = 64", _of("cold c=64", "rate")),
    Column("200 tokens, c = 16", _of("cold long c=16", "rate")),
    Column("CPU-ms, c = 16", _cpu("cold c=16")),
    Column("c = 64", _cpu("cold c=64")),
    Column("200 tokens, c = 16", _cpu("cold long c=16")),
)
BESIDE = (
    Column("p50 ms", _of("known beside long", "p50_ms")),
    Column("p99", _of("known beside long", "p99_ms")),
)
FRAMES = (
    Column("paced c = 64, CPU-ms", _cpu("paced stream c=64")),
    Column("of it Ray, HAProxy", _cpu("paced stream c=64", "cpu_ray_ms")),
    Column("first token, c = 1, p50 ms", _of("paced stream c=1", "first_token_p50_ms")),
    Column("whole answer, c = 1, p50 ms", _of("paced stream c=1", "p50_ms")),
    Column("stream c = 16, CPU-ms", _cpu("stream c=16")),
)
TABLES: dict[str, dict[str, tuple[Column, ...]]] = {
    "base": {
        "Added milliseconds (direct: its own)": LATENCY,
        "Answers per second": RATE,
        "CPU-ms per answer, all its processes": CPU,
        "MiB, all its processes (PSS)": MEMORY,
    },
    "cold": {
        "No question asked twice (direct: its own)": COLD,
        "A known question while 16 clients ask new ones of 200 tokens": BESIDE,
    },
    "tenants": {"One tenant, and many that take turns": PLAIN},
    "limits": {"Limits (requests, tokens, places) and a budget": PLAIN},
    "models": {"Few models and many": PLAIN},
    "replicas": {"Gateway replicas": PLAIN},
    "frames": {"How long the events of a stream gather (`gather_ms`)": FRAMES},
}


def shown(figure: Spread | None, *, range_too: bool = False) -> str:
    """`2.1~`, or `2.1 (1.9–2.4)`."""
    if figure is None:
        return "–"
    text = _number(figure.median)
    if range_too and figure.least != figure.most:
        text += f" ({_number(figure.least)}–{_number(figure.most)})"
    return text + figure.marks


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def rows(summary: Summary, columns: tuple[Column, ...]) -> list[list[str]]:
    """A heading, then a row for each target that was measured."""
    lines = [["", *(column.heading for column in columns)]]
    for target in summary.targets:
        figures = (column.figure(summary, target) for column in columns)
        lines.append([target, *(shown(each, range_too=True) for each in figures)])
    return lines


def as_markdown(lines: list[list[str]]) -> str:
    head, *body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|---" * len(lines[0]) + "|", *body])
