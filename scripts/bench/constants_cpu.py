"""For scripts/bench/constants: CPU per request and stream, and where the knee is."""

import time
from collections.abc import Iterator, Mapping, Sequence
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
from scripts.scaling.constants import DEPLOYMENTS, STREAMING, WAYS, Way

IDLE_S = 5.0
_SWEEP = (1, 2, 4, 8, 16, 32, 64)
_BUSY = 16
_STREAMS = 64
_SETTLE_S = 3.0


def measure_load(
    graph: ConstantsGraph, seconds: float, idle: Mapping[str, float], found: Found
) -> None:
    """CPU per request and per second of stream, and the knee."""
    plain = partial(load, graph, CHAT, body(FAST), seconds=seconds)
    plain(clients=_BUSY)
    sweep = {clients: plain(clients=clients) for clients in _SWEEP}
    for name, cpu_ms, what in _cpu_ms(graph, WAYS[0], sweep[_BUSY], seconds, idle):
        found.add(name, cpu_ms, "ms", what)
    _add_curve(list(sweep.values()), found)


def measure_way(way: Way, seconds: float, found: Found) -> None:
    """CPU per request and per second of stream in a graph of its own."""
    with constants_graph(way) as graph:
        idle = cores_at_rest(graph)
        plain = partial(load, graph, CHAT, body(FAST), clients=_BUSY, seconds=seconds)
        plain()
        for name, cpu_ms, what in _cpu_ms(graph, way, plain(), seconds, idle):
            found.add(name, cpu_ms, "ms", what)


def _cpu_ms(
    graph: ConstantsGraph,
    way: Way,
    plain: Loaded,
    seconds: float,
    idle: Mapping[str, float],
) -> Iterator[tuple[str, float, str]]:
    """Constants, and what each is.

    Plain requests do not gather: they are counted once in each placement.
    """
    paced = body(PACED, stream=True)
    streams = load(graph, CHAT, paced, clients=_STREAMS, seconds=2 * seconds)
    where = ", Router and backends in the Gateway" if way.in_gateway else ""
    first = way.gather_ms == WAYS[0].gather_ms
    for name in way.parts((*DEPLOYMENTS, NODE)):
        cpu_ms = plain.cpu_ms(name, idle)
        if first:
            what = f"CPU per plain request, {_BUSY} clients{where}; at rest not counted"
            yield way.plain(name), cpu_ms, what
        if name in STREAMING:
            more = (streams.cpu_ms(name, idle) - cpu_ms) / STREAM_S
            what = (
                f"CPU per second of a stream of 50 tokens/s, {_STREAMS} at once"
                f"{where}; events gather for {way.gather_ms} ms"
            )
            yield way.stream_second(name), more, what


def _add_curve(sweep: list[Loaded], found: Found) -> None:
    at = knee([(loaded.per_s, loaded.p50_ms) for loaded in sweep])
    most = max(loaded.per_s for loaded in sweep)
    found.add(
        "knee.clients",
        _SWEEP[at],
        "requests",
        "in flight at the knee of the whole graph",
    )
    found.add(
        "knee.utilisation",
        sweep[at].per_s / most,
        "share",
        "throughput there, of the greatest",
    )
    found.add(
        "knee.latency_ms",
        sweep[at].p50_ms,
        "ms",
        "p50 of a request there, upstream 0 ms",
    )
    found.add(
        "whole.requests_per_s",
        most,
        "1/s",
        "the greatest of the whole graph on this machine",
    )


def knee(curve: Sequence[tuple[float, float]]) -> int:
    """Where throughput over latency is greatest (Kleinrock's power): before it adding
    load gains throughput, after it mostly latency."""
    return int(np.argmax([per_s / ms for per_s, ms in curve]))


def cores_at_rest(graph: ConstantsGraph) -> dict[str, float]:
    """CPU that each deployment uses without any request: cores."""
    time.sleep(_SETTLE_S)
    before = graph.cpu_s()
    time.sleep(IDLE_S)
    after = graph.cpu_s()
    return {
        name: (used - before.get(name, 0.0)) / IDLE_S for name, used in after.items()
    }
