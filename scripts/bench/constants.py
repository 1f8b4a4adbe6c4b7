"""See scripts/bench/constants."""

import argparse
import os
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np

from artifacts.encoder import OnnxEncoder
from scripts.bench.constants_graph import (
    FAST,
    NODE,
    PACED,
    STREAM_S,
    ConstantsGraph,
    constants_graph,
)
from scripts.bench.constants_load import HEADERS, Loaded, load
from scripts.bench.encoder import DEFAULT as ENCODER
from scripts.bench.encoder import text_of
from scripts.scaling.constants import DEPLOYMENTS, FILE, STREAMING, Constant, Constants

COMMAND = "scripts/bench/constants"
CHAT = "/v1/chat/completions"
_SWEEP = (1, 2, 4, 8, 16, 32, 64)
_BUSY = 16
_STREAMS = 64
_LENGTHS = (20, 60, 100, 180, 256)
_IDLE_S = 5.0
_SETTLE_S = 3.0


def _body(model: str, *, stream: bool = False) -> dict[str, Any]:
    message = {"role": "user", "content": "What is 6 times 7, and why is that so?"}
    return {
        "model": "auto",
        "messages": [message],
        "stream": stream,
        "routing": {"models": [model]},
    }


def _direct() -> dict[str, Any]:
    return {"model": FAST, "messages": _body(FAST)["messages"]}


def knee(curve: Sequence[tuple[float, float]]) -> int:
    """Where throughput over latency is greatest (Kleinrock's power): before it adding
    load gains throughput, after it mostly latency."""
    return int(np.argmax([per_s / ms for per_s, ms in curve]))


def embedding_line(repeats: int = 15) -> tuple[float, float]:
    """CPU milliseconds of one text: fixed, and for each token. Least relative squares
    over the medians at some lengths, one thread, CPU time and not the clock's."""
    encoder = OnnxEncoder(ENCODER, threads=1)
    medians = []
    for tokens in _LENGTHS:
        work = partial(encoder.encode, [text_of(tokens)])
        work()
        taken = []
        for _ in range(repeats):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
        medians.append(median(taken) * 1e3)
    slope, fixed = np.polyfit(_LENGTHS, medians, 1, w=1 / np.array(medians))
    return max(0.0, float(fixed)), float(slope)


class Found:
    """The constants as they come."""

    def __init__(self) -> None:
        self.constants: dict[str, Constant] = {}

    def add(self, name: str, value: float, unit: str, what: str) -> None:
        """One more; three significant digits are more than a run repeats."""
        rounded = float(f"{max(0.0, value):.3g}")
        self.constants[name] = Constant(
            value=rounded, unit=unit, command=COMMAND, what=what
        )
        print(f"{name:38} {rounded:10g} {unit}", flush=True)


def measure_load(
    graph: ConstantsGraph, seconds: float, idle: Mapping[str, float], found: Found
) -> None:
    """CPU per request and per second of stream, and the knee."""
    plain = partial(load, graph, CHAT, _body(FAST), seconds=seconds)
    plain(clients=_BUSY)
    sweep = {clients: plain(clients=clients) for clients in _SWEEP}
    paced = _body(PACED, stream=True)
    streams = load(graph, CHAT, paced, clients=_STREAMS, seconds=2 * seconds)
    for name in (*DEPLOYMENTS, NODE):
        cpu_ms = sweep[_BUSY].cpu_ms(name, idle)
        what = f"CPU per plain request, {_BUSY} clients; its CPU at rest not counted"
        found.add(f"{name}.cpu_ms_plain", cpu_ms, "ms", what)
        if name in STREAMING:
            more = (streams.cpu_ms(name, idle) - cpu_ms) / STREAM_S
            what = f"CPU per second of a stream of 50 tokens/s, {_STREAMS} at once"
            found.add(f"{name}.cpu_ms_stream_second", more, "ms", what)
    _add_curve(list(sweep.values()), found)


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


def measure_idle(graph: ConstantsGraph, found: Found) -> None:
    """Alone and at rest: latencies of the parts, memory, start-up, Ray's own CPU."""
    gateway = load(graph, CHAT, _body(FAST), clients=1, seconds=_IDLE_S)
    url = f"{graph.upstream_url}/api/v1/chat/completions"
    direct = load(graph, url, _direct(), clients=1, seconds=2)
    found.add(
        "Gateway.own_ms", gateway.p50_ms - direct.p50_ms, "ms", "added p50, 1 client"
    )
    with httpx.Client(headers=HEADERS, timeout=60) as client:
        rows = []
        for _ in range(100):
            response = client.post(f"{graph.served.url}/v1/route", json=_body(FAST))
            response.raise_for_status()
            rows.append(response.json()["timings_ms"])
    total = median(row["total"] for row in rows)
    found.add("Router.call_ms", total, "ms", "p50 of a route call, vector cached")
    embed = median(row["embedder"] for row in rows)
    found.add(
        "Embedder.call_ms",
        embed,
        "ms",
        "p50 of its call to the Embedder, vector cached",
    )
    for name, mib in graph.memory_mib().items():
        if name in (*DEPLOYMENTS, NODE):
            found.add(f"{name}.memory_mib", mib, "MiB", "PSS")
    found.add(
        "replica.start_s",
        graph.start_s(),
        "s",
        "until every replica of the graph was ready",
    )


def cores_at_rest(graph: ConstantsGraph) -> dict[str, float]:
    """CPU that each deployment uses without any request: cores."""
    time.sleep(_SETTLE_S)
    before = graph.cpu_s()
    time.sleep(_IDLE_S)
    after = graph.cpu_s()
    return {
        name: (used - before.get(name, 0.0)) / _IDLE_S for name, used in after.items()
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load")
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    options = parser.parse_args()
    loaded = os.getloadavg()[0]
    found = Found()
    fixed, each = embedding_line()
    found.add(
        "Embedder.cpu_ms_text",
        fixed,
        "ms",
        "CPU to embed a text, int8 MiniLM, one thread",
    )
    found.add("Embedder.cpu_ms_token", each, "ms", "and for each of its tokens")
    with constants_graph() as graph:
        idle = cores_at_rest(graph)
        what = "used by all processes without any request"
        found.add("Node.idle_cores", sum(idle.values()), "cores", what)
        measure_load(graph, options.seconds, idle, found)
        measure_idle(graph, found)
    constants = Constants(
        machine=f"{os.cpu_count()} virtual cores, CPython {platform.python_version()}",
        measured_at=datetime.now(UTC).date().isoformat(),
        load_before=round(loaded, 1),
        constants=dict(sorted(found.constants.items())),
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(constants.written(), encoding="utf-8")
    print(f"load average before: {loaded:.1f}; written: {options.output}")


if __name__ == "__main__":
    main()
