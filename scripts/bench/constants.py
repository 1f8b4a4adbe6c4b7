"""See scripts/bench/constants."""

import argparse
import os
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import median
from typing import Any

import httpx

from artifacts.encoder import OnnxEncoder
from scripts.bench.constants_cpu import (
    IDLE_S,
    at_rest,
    measure_load,
    measure_way,
)
from scripts.bench.constants_encoder import (
    CALIBRATION,
    calibration_ms,
    embedding_cpu_ms,
    embedding_line,
    encoder,
)
from scripts.bench.constants_found import COMMAND, Found
from scripts.bench.constants_graph import FAST, NODE, ConstantsGraph, constants_graph
from scripts.bench.constants_load import CHAT, HEADERS, body, load
from scripts.option_types import number, result_file, whole
from scripts.overhead.disturbance import MOST_TAKEN, Others, said_of_samples, watched
from scripts.scaling.constants import DEPLOYMENTS, FILE, WAYS, Constants

_BEFORE_S = 3.0
_SLOWER = 1.2  # the same piece of work, beside another run's: no comparison


def _direct() -> dict[str, Any]:
    return {"model": FAST, "messages": body(FAST)["messages"]}


def measure_encoder(encoder: OnnxEncoder, found: Found) -> None:
    """What a text costs, without a graph."""
    with watched() as others:
        fixed, each = embedding_line(embedding_cpu_ms(encoder))
    what = "CPU to embed a text, int8 MiniLM, one thread"
    found.add("Embedder.cpu_ms_text", fixed, "ms", what, [others])
    what = "and for each of its tokens"
    found.add("Embedder.cpu_ms_token", each, "ms", what, [others])


def measure_idle(graph: ConstantsGraph, found: Found) -> None:
    """Alone and at rest: latencies of the parts, memory, start-up."""
    gateway = load(graph, CHAT, body(FAST), clients=1, seconds=IDLE_S)
    url = f"{graph.upstream_url}/api/v1/chat/completions"
    direct = load(graph, url, _direct(), clients=1, seconds=2)
    added, what = gateway.p50_ms - direct.p50_ms, "added p50, 1 client"
    found.add("Gateway.own_ms", added, "ms", what, [gateway.others, direct.others])
    _add_route_calls(graph, found)
    for name, mib in graph.memory_mib().items():
        if name in (*DEPLOYMENTS, NODE):
            found.add(f"{name}.memory_mib", mib, "MiB", "PSS", [])


def _add_route_calls(graph: ConstantsGraph, found: Found) -> None:
    rows = []
    with watched() as others, httpx.Client(headers=HEADERS, timeout=60) as client:
        for _ in range(100):
            response = client.post(f"{graph.served.url}/v1/route", json=body(FAST))
            response.raise_for_status()
            rows.append(response.json()["timings_ms"])
    total = median(row["total"] for row in rows)
    what = "p50 of a route call, vector cached"
    found.add("Router.call_ms", total, "ms", what, [others])
    embed = median(row["embedder"] for row in rows)
    what = "p50 of its call to the Embedder, vector cached"
    found.add("Embedder.call_ms", embed, "ms", what, [others])


def measure_round(encoder: OnnxEncoder, seconds: float, found: Found) -> None:
    """Everything once; before each graph a look at how fast the cores are."""
    found.calibrated(calibration_ms(encoder))
    measure_encoder(encoder, found)
    with ExitStack() as stack:
        with watched() as others:
            graph = stack.enter_context(constants_graph())
        what = "until every replica of the graph was ready"
        found.add("replica.start_s", graph.start_s(), "s", what, [others])
        rest = at_rest(graph)
        what = "used by all processes without any request"
        idle = sum(rest.cores.values())
        found.add("Node.idle_cores", idle, "cores", what, [rest.others])
        measure_load(graph, seconds, rest, found)
        measure_idle(graph, found)
    for way in WAYS[1:]:
        found.calibrated(calibration_ms(encoder))
        measure_way(way, seconds, found)
    found.calibrated(calibration_ms(encoder))


def main() -> None:
    """Measure, print, write."""
    options = _parser().parse_args()
    loaded, before, earlier = os.getloadavg()[0], _before(), Constants.read()
    found, text_encoder = Found(before), encoder()
    for at in range(1, options.rounds + 1):
        print(f"round {at} of {options.rounds}")
        measure_round(text_encoder, options.seconds, found)
    constants = Constants(
        machine=f"{os.cpu_count()} virtual cores, CPython {platform.python_version()}",
        measured_at=datetime.now(UTC).date().isoformat(),
        load_before=round(loaded, 1),
        conditions=found.conditions(),
        constants=found.constants(),
    )
    for line in said_of(constants, earlier):
        print(line)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(constants.written(), encoding="utf-8")
    print(f"written: {options.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=COMMAND)
    parser.add_argument("--rounds", type=whole(1, 100), default=3)
    parser.add_argument(
        "--seconds", type=number(0.1, 3600), default=3.0, help="of each load"
    )
    parser.add_argument("-o", "--output", type=result_file, default=FILE)
    return parser


def said_of(constants: Constants, earlier: Constants) -> Iterator[str]:
    """How the machine was, and whether it was the same as at an earlier run."""
    was = constants.conditions
    assert was is not None
    yield (
        f"before: load average {constants.load_before:g}, others used "
        f"{was.foreign_before:.0%} of the machine, other machines "
        f"{was.stolen_before:.0%}"
    )
    yield said_of_samples(was.disturbed, was.samples, MOST_TAKEN)
    yield (
        f"a text of {CALIBRATION} tokens took {was.calibration_ms:g} CPU-ms to embed "
        f"({was.calibration_least_ms:g}–{was.calibration_most_ms:g})"
    )
    if was.uneven:
        yield "the cores were not equally fast all the time: measure again"
    ratio = constants.embed_ms(CALIBRATION) / earlier.embed_ms(CALIBRATION)
    if not 1 / _SLOWER < ratio < _SLOWER:
        yield (
            f"the same text took {ratio:.2f} times as long as in {FILE.name} of "
            f"{earlier.measured_at}: the two do not compare"
        )


def _before() -> Others:
    with watched() as others:
        time.sleep(_BEFORE_S)
    return others


if __name__ == "__main__":
    main()
