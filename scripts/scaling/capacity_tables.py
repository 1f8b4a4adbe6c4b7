"""The tables of scripts/capacity, as Markdown."""

from collections.abc import Sequence

from scripts.overhead.disturbance import MOST_TAKEN, said_of_samples
from scripts.placing import PLACES
from scripts.scaling.constants import (
    FLOP_PER_TOKEN,
    GPU,
    GPU_PEAK,
    GPU_PEAK_SHARE,
    WAYS,
    Assumptions,
    Constants,
    Way,
)
from scripts.scaling.plan import SCALED, Workload
from scripts.scaling.steady import capacity, in_each_way, loads

RATES = (10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 1e6 / 60)
_SHORT = (100.0, 1_000.0, 1e6 / 60)
_COMPARED = 1_000.0


def table(load: Workload, rates: Sequence[float]) -> str:
    """Markdown."""
    lines = [
        f"| requests/s (a minute) | {' | '.join(SCALED)} | clusters | cores | GPUs "
        "| USD a month |",
        "|---" * (len(SCALED) + 5) + "|",
    ]
    for found in (capacity(load, rate) for rate in rates):
        counts = " | ".join(f"{found.replicas[name]:,}" for name in SCALED)
        lines.append(
            f"| {_rate(found.rate)} ({_rate(found.rate * 60)}) | {counts} "
            f"| {found.clusters:,} | {found.cores:,} | {found.gpus:,} "
            f"| {found.usd_per_month:,.0f} |"
        )
    return "\n".join(lines)


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def clusters_note(load: Workload) -> str:
    """Why there are several."""
    return (
        f"A cluster has one Ledger, which takes {load.rate('Ledger'):,.0f} requests/s "
        "at that load: beyond it there are several clusters, and each tenant is of one."
    )


def ways_table(loads: Sequence[Workload], rate: float = _COMPARED) -> str:
    """Markdown: what the same rate takes in each way."""
    lines = [
        f"| `placement` | `gather_ms` | {' | '.join(SCALED)} | cores | USD a month |",
        "|---" * (len(SCALED) + 4) + "|",
    ]
    for load in loads:
        found = capacity(load, rate)
        counts = " | ".join(f"{found.replicas[name]:,}" for name in SCALED)
        lines.append(
            f"| {_placement(load.way)} | {load.way.gather_ms} | {counts} "
            f"| {found.cores:,} | {found.usd_per_month:,.0f} |"
        )
    return "\n".join(lines)


def _placement(way: Way) -> str:
    return PLACES[way.in_gateway]


def basis(load: Workload) -> str:
    """On what the tables rest."""
    constants, assumed = load.constants, load.assumptions
    streams = f"{assumed.stream_share:.0%} streamed, tokens for"
    return (
        f"Measured on {constants.machine}, {constants.measured_at}, load average "
        f"before {constants.load_before:g}{_conditions(constants)} "
        "([constants](capacity/constants.json)). A "
        f"replica is to have {load.knee:.0%} of its core. Mean request: {streams} "
        f"{load.demand.stream_s:.1f} s (the bundled artifact's choices at "
        f"{assumed.upstream_tokens_per_s:g} tokens/s), {load.lengths.mean:.0f} tokens "
        f"to embed, {assumed.cache_hit_share:.0%} of them cached. Prices: "
        f"{assumed.usd_per_core_hour:g} USD a core-hour, {assumed.usd_per_gpu_hour:g} "
        "USD a GPU-hour: set your own. What models charge is not in it."
    )


def _conditions(constants: Constants) -> str:
    was = constants.conditions
    if was is None:
        return ""
    said = said_of_samples(was.disturbed, was.samples, MOST_TAKEN)
    return (
        f"; medians of {was.rounds} rounds. {said}; a text of 60 tokens took "
        f"{was.calibration_least_ms:g} to {was.calibration_most_ms:g} CPU-ms to embed"
    )


def gpu_note(load: Workload) -> str:
    """What of the second table is not measured."""
    tokens = load.assumptions.gpu_tokens_per_s
    said = f"With Qwen3-Embedding-8B on GPUs, {load.lengths.mean:.0f} tokens a text"
    if tokens != Assumptions().gpu_tokens_per_s:
        return f"{said}; {tokens:,.0f} tokens/s a GPU, as you state."
    return (
        f"{said}. {tokens:,.0f} tokens/s a GPU is arithmetic, not a measurement: "
        f"{GPU_PEAK_SHARE:.0%} of an {GPU}'s dense bfloat16 peak ({GPU_PEAK / 1e12:g} "
        f"TFLOP/s) over {FLOP_PER_TOKEN / 1e9:.1f} GFLOP a token. "
        "`scripts/bench/embedder` measures it; set yours: `--gpu-tokens-per-s`."
    )


def constants_table(constants: Constants) -> str:
    """All of them, with what made them."""
    lines = ["| constant | | what | by |", "|---|---|---|---|"]
    for name, found in constants.constants.items():
        lines.append(
            f"| `{name}` | {found.value:g} {found.unit}{'~' * found.disturbed} "
            f"| {found.what} "
            f"| `{found.command}` |"
        )
    return "\n".join(lines)


def page_part(constants: Constants, assumptions: Assumptions) -> str:
    """Of docs/capacity.md."""
    cpu, gpu = loads(constants, assumptions)
    ways = (
        f"The same {_COMPARED:,.0f} requests/s, MiniLM on cores, with Router and "
        "backends in the Gateway (`placement: gateway`), and with the events of a "
        "stream gathering for longer (`gather_ms` of an upstream):"
    )
    note = clusters_note(cpu)
    parts = basis(cpu), table(cpu, RATES), note, ways, ways_table(in_each_way(cpu))
    return "\n\n".join((*parts, gpu_note(gpu), table(gpu, RATES)))


def readme_part(constants: Constants, assumptions: Assumptions) -> str:
    """The short table."""
    cpu, _ = loads(constants, assumptions)
    ways = [capacity(load, _COMPARED) for load in in_each_way(cpu)]
    usual, least = ways[0], min(ways, key=lambda found: found.cores)
    way = WAYS[ways.index(least)]
    more = (
        f"{_COMPARED:,.0f} requests/s take {least.cores:,} cores instead of "
        f"{usual.cores:,} with `placement: {_placement(way)}` and `gather_ms: "
        f"{way.gather_ms}` ([all ways](docs/capacity.md))."
    )
    return f"{table(cpu, _SHORT)}\n\n{clusters_note(cpu)} {more}"
