"""See scripts/capacity."""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.scaling.assumed import add_assumptions, assumptions_of
from scripts.scaling.constants import FILE, ROOT, Assumptions, Constants
from scripts.scaling.demand import bundled_demand
from scripts.scaling.marked import write_part
from scripts.scaling.plan import SCALED, Workload
from scripts.scaling.traffic import Lengths

RATES = (10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 1e6 / 60)
PAGE, README = ROOT / "docs/capacity.md", ROOT / "README.md"
PART = "capacity: scripts/capacity --docs"
CONSTANTS_PART = "constants: scripts/capacity --docs"
GPU_WINDOW = 2048
_SHORT = (100.0, 1_000.0, 1e6 / 60)
_HOURS = 730.0
_AVAILABLE = 2  # of each, that one may die


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a steady rate takes, every replica at the load of the knee."""

    rate: float
    replicas: dict[str, int]
    ledgers: int
    cores: int
    gpus: int
    usd_per_month: float


def capacity(load: Workload, rate: float) -> Capacity:
    """Replicas of a core each (an Embedder on a GPU takes that instead)."""
    replicas = {
        name: max(_AVAILABLE, math.ceil(rate / load.rate(name))) for name in SCALED
    }
    ledgers = max(1, math.ceil(rate / load.rate("Ledger")))
    gpus = replicas["Embedder"] if load.gpu else 0
    node_cores = (
        rate * load.cpu_s("Node") / load.knee + load.constants["Node.idle_cores"]
    )
    cores = math.ceil(sum(replicas.values()) - gpus + ledgers + node_cores)
    assumed = load.assumptions
    usd = cores * assumed.usd_per_core_hour + gpus * assumed.usd_per_gpu_hour
    return Capacity(rate, replicas, ledgers, cores, gpus, _HOURS * usd)


def table(load: Workload, rates: Sequence[float]) -> str:
    """Markdown."""
    lines = [
        f"| requests/s (a minute) | {' | '.join(SCALED)} | Ledgers | cores | GPUs "
        "| USD a month |",
        "|---" * (len(SCALED) + 5) + "|",
    ]
    for found in (capacity(load, rate) for rate in rates):
        counts = " | ".join(f"{found.replicas[name]:,}" for name in SCALED)
        lines.append(
            f"| {found.rate:,.0f} ({found.rate * 60:,.0f}) | {counts} "
            f"| {found.ledgers:,} | {found.cores:,} | {found.gpus:,} "
            f"| {found.usd_per_month:,.0f} |"
        )
    return "\n".join(lines)


def basis(load: Workload) -> str:
    """On what the tables rest."""
    constants, assumed = load.constants, load.assumptions
    streams = f"{assumed.stream_share:.0%} streamed, tokens for"
    return (
        f"Measured on {constants.machine}, {constants.measured_at}, load average "
        f"before {constants.load_before:g} ([constants](capacity/constants.json)). A "
        f"replica is to have {load.knee:.0%} of its core. Mean request: {streams} "
        f"{load.demand.stream_s:.1f} s (the bundled artifact's choices at "
        f"{assumed.upstream_tokens_per_s:g} tokens/s), {load.lengths.mean:.0f} tokens "
        f"to embed, {assumed.cache_hit_share:.0%} of them cached. Prices: "
        f"{assumed.usd_per_core_hour:g} USD a core-hour, {assumed.usd_per_gpu_hour:g} "
        "USD a GPU-hour: set your own. What models charge is not in it."
    )


def gpu_note(load: Workload) -> str:
    """What of the second table is not measured."""
    tokens = load.assumptions.gpu_tokens_per_s
    return (
        f"With Qwen3-Embedding-8B on GPUs, {load.lengths.mean:.0f} tokens a text. "
        f"{tokens:,.0f} tokens/s a GPU is arithmetic, not a measurement: 60 % of a "
        "790 TFLOP/s bf16 peak over 16 GFLOP a token; set yours: `--gpu-tokens-per-s`."
    )


def constants_table(constants: Constants) -> str:
    """All of them, with what made them."""
    lines = ["| constant | | what | by |", "|---|---|---|---|"]
    for name, found in constants.constants.items():
        lines.append(
            f"| `{name}` | {found.value:g} {found.unit} | {found.what} "
            f"| `{found.command}` |"
        )
    return "\n".join(lines)


def loads(constants: Constants, assumptions: Assumptions) -> tuple[Workload, Workload]:
    """With MiniLM on cores, and with Qwen3-Embedding-8B on GPUs."""
    demand = bundled_demand(assumptions)
    long = Lengths(window=GPU_WINDOW)
    return (
        Workload(constants, assumptions, demand),
        Workload(constants, assumptions, demand, long, gpu=True),
    )


def page_part(constants: Constants, assumptions: Assumptions) -> str:
    """Of docs/capacity.md."""
    cpu, gpu = loads(constants, assumptions)
    return "\n\n".join(
        (basis(cpu), table(cpu, RATES), gpu_note(gpu), table(gpu, RATES))
    )


def readme_part(constants: Constants, assumptions: Assumptions) -> str:
    """The short table."""
    cpu, _ = loads(constants, assumptions)
    return table(cpu, _SHORT)


def main() -> int:
    """Print, or write the tables."""
    given = ["--help" if word == "--options" else word for word in sys.argv[1:]]
    options = _parser().parse_args(given)
    assumptions = assumptions_of(vars(options))
    constants = Constants.read(options.constants)
    if options.docs:
        write_part(PAGE, PART, page_part(constants, assumptions))
        write_part(PAGE, CONSTANTS_PART, constants_table(constants))
        write_part(README, PART, readme_part(constants, assumptions))
        return 0
    cpu, gpu = loads(constants, assumptions)
    load = gpu if options.gpu else cpu
    print(basis(load))
    if options.gpu:
        print(gpu_note(load))
    print(table(load, options.rates))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/capacity",
        description="What a steady rate takes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--rates", type=float, nargs="+", default=list(RATES), help="requests/s")
    add("--gpu", action="store_true", help="Qwen3-Embedding-8B on GPUs embeds")
    add("--constants", type=Path, default=FILE)
    add("--docs", action="store_true", help="write README's and docs' tables anew")
    add_assumptions(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
