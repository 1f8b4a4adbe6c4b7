"""For scripts/bench/constants: CPU per request and stream, and where the knee is."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from scripts.bench.constants_found import Found
from scripts.bench.constants_graph import (
    FAST,
    NODE,
    PACED,
    STREAM_S,
    ConstantsGraph,
    constants_graph,
)
from scripts.bench.constants_load import CHAT, Loaded, body, load
from scripts.overhead.disturbance import Others, watched
from scripts.scaling.constants import DEPLOYMENTS, STREAMING, WAYS, Way

IDLE_S = 5.0
_SWEEP = (1, 2, 4, 8, 16, 32, 64)
_BUSY = 16
_STREAMS = 64
_SETTLE_S = 3.0


@dataclass(frozen=True)
class Rest:
    """CPU that each deployment uses without any request, in cores."""

    cores: dict[str, float]
    others: Others


def measure_load(
    graph: ConstantsGraph, seconds: float, rest: Rest, found: Found
) -> None:
    """CPU per request and per second of stream, and the knee."""
    plain = partial(load, graph, CHAT, body(FAST), seconds=seconds)
    plain(clients=_BUSY)
    sweep = {clients: plain(clients=clients) for clients in _SWEEP}
    _add_cpu(graph, WAYS[0], sweep[_BUSY], seconds, rest, found)
    _add_curve(list(sweep.values()), found)


def measure_way(way: Way, seconds: float, found: Found) -> None:
    """CPU per request and per second of stream in a graph of its own."""
    with constants_graph(way) as graph:
        rest = at_rest(graph)
        plain = partial(load, graph, CHAT, body(FAST), clients=_BUSY, seconds=seconds)
        plain()
        _add_cpu(graph, way, plain(), seconds, rest, found)


def _add_cpu(  # noqa: PLR0913  (what one figure is of)
    graph: ConstantsGraph,
    way: Way,
    plain: Loaded,
    seconds: float,
    rest: Rest,
    found: Found,
) -> None:
    paced = body(PACED, stream=True)
    streams = load(graph, CHAT, paced, clients=_STREAMS, seconds=2 * seconds)
    for name, cpu_ms, what, loads in _cpu_ms(way, plain, streams, rest):
        beside = [rest.others, *(loaded.others for loaded in loads)]
        found.add(name, cpu_ms, "ms", what, beside)


def _cpu_ms(
    way: Way, plain: Loaded, streams: Loaded, rest: Rest
) -> Iterator[tuple[str, float, str, list[Loaded]]]:
    """Constants, what each is, and what it rests on.

    Plain requests do not gather: they are counted once in each placement.
    """
    where = ", Router and backends in the Gateway" if way.in_gateway else ""
    first = way.gather_ms == WAYS[0].gather_ms
    for name in way.parts((*DEPLOYMENTS, NODE)):
        cpu_ms = plain.cpu_ms(name, rest.cores)
        if first:
            what = f"CPU per plain request, {_BUSY} clients{where}; at rest not counted"
            yield way.plain(name), cpu_ms, what, [plain]
        if name in STREAMING:
            more = (streams.cpu_ms(name, rest.cores) - cpu_ms) / STREAM_S
            what = (
                f"CPU per second of a stream of 50 tokens/s, {_STREAMS} at once"
                f"{where}; events gather for {way.gather_ms} ms"
            )
            yield way.stream_second(name), more, what, [plain, streams]


def _add_curve(sweep: list[Loaded], found: Found) -> None:
    at = knee([(loaded.per_s, loaded.p50_ms) for loaded in sweep])
    most = max(loaded.per_s for loaded in sweep)
    there = sweep[at]
    rows = (
        ("clients", _SWEEP[at], "requests", "in flight at the knee of the whole graph"),
        (
            "utilisation",
            there.per_s / most,
            "share",
            "throughput there, of the greatest",
        ),
        ("latency_ms", there.p50_ms, "ms", "p50 of a request there, upstream 0 ms"),
    )
    beside = [loaded.others for loaded in sweep]
    for name, value, unit, what in rows:
        found.add(f"knee.{name}", value, unit, what, beside)
    what = "the greatest of the whole graph on this machine"
    found.add("whole.requests_per_s", most, "1/s", what, beside)


def knee(curve: Sequence[tuple[float, float]]) -> int:
    """Where throughput over latency is greatest (Kleinrock's power): before it adding
    load gains throughput, after it mostly latency."""
    return int(np.argmax([per_s / ms for per_s, ms in curve]))


def at_rest(graph: ConstantsGraph) -> Rest:
    """Looked at for some seconds."""
    time.sleep(_SETTLE_S)
    with watched() as others:
        before = graph.cpu_s()
        time.sleep(IDLE_S)
        after = graph.cpu_s()
    cores = {
        name: (used - before.get(name, 0.0)) / IDLE_S for name, used in after.items()
    }
    return Rest(cores, others)
