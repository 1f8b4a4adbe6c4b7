"""See scripts/bench/constants."""

import argparse
import os
import platform
import time
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any

import httpx
import numpy as np

from artifacts.encoder import OnnxEncoder
from scripts.bench.constants_cpu import (
    IDLE_S,
    cores_at_rest,
    measure_load,
    measure_way,
)
from scripts.bench.constants_found import COMMAND, Found
from scripts.bench.constants_graph import FAST, NODE, ConstantsGraph, constants_graph
from scripts.bench.constants_load import CHAT, HEADERS, body, load
from scripts.bench.encoder import DEFAULT as ENCODER
from scripts.bench.encoder import text_of
from scripts.option_types import number, result_file
from scripts.scaling.constants import DEPLOYMENTS, FILE, WAYS, Constants

_LENGTHS = (20, 60, 100, 180, 256)


def _direct() -> dict[str, Any]:
    return {"model": FAST, "messages": body(FAST)["messages"]}


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


def measure_idle(graph: ConstantsGraph, found: Found) -> None:
    """Alone and at rest: latencies of the parts, memory, start-up, Ray's own CPU."""
    gateway = load(graph, CHAT, body(FAST), clients=1, seconds=IDLE_S)
    url = f"{graph.upstream_url}/api/v1/chat/completions"
    direct = load(graph, url, _direct(), clients=1, seconds=2)
    found.add(
        "Gateway.own_ms", gateway.p50_ms - direct.p50_ms, "ms", "added p50, 1 client"
    )
    with httpx.Client(headers=HEADERS, timeout=60) as client:
        rows = []
        for _ in range(100):
            response = client.post(f"{graph.served.url}/v1/route", json=body(FAST))
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


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    parser.add_argument(
        "--seconds", type=number(0.1, 3600), default=6.0, help="of each load"
    )
    parser.add_argument("-o", "--output", type=result_file, default=FILE)
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
    for way in WAYS[1:]:
        measure_way(way, options.seconds, found)
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
