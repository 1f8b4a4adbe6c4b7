"""See scripts/simulate."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from artifacts.errors import BadInput
from scripts.marked import write_part
from scripts.option_types import (
    file,
    number,
    result_file,
    result_folder,
    whole,
)
from scripts.records import zeroeval_if_there
from scripts.scaling.assumed import add_assumptions, assumptions_of
from scripts.scaling.comparisons import (
    check_table,
    in_processes,
    policies_table,
    quiet,
    simulated,
)
from scripts.scaling.constants import ROOT, Assumptions, Constants
from scripts.scaling.course import Course
from scripts.scaling.day_plots import draw_day, draw_rates
from scripts.scaling.demand import bundled_demand
from scripts.scaling.installation import Scenario
from scripts.scaling.leases import Metered
from scripts.scaling.outcome import Outcome
from scripts.scaling.plan import SCALED, Workload
from scripts.scaling.steady import GPU_WINDOW
from scripts.scaling.traffic import Bursts, Lengths

DOCS = ROOT / "docs"
PAGE = DOCS / "simulation.md"
RATES = (100.0, 1_000.0, 10_000.0, 100_000.0)
_SHOWN = 1_000.0  # whose day is drawn
_OF_DAYS = ("rates", "hours", "bursts", "burst_factor", "json", "plots", "docs")
DAYS_PART, CHECK_PART, POLICIES_PART = (
    f"{name}: scripts/simulate --docs" for name in ("days", "check", "policies")
)


def workload(
    assumptions: Assumptions, *, gpu: bool, queries: Path | None, seed: int
) -> Workload:
    """Of the measured constants and the bundled artifact."""
    demand = bundled_demand(assumptions, queries=queries, seed=seed)
    lengths = Lengths(window=GPU_WINDOW) if gpu else Lengths()
    return Workload(Constants.read(), assumptions, demand, lengths, gpu)


def days_table(outcomes: Sequence[Outcome]) -> str:
    """Markdown."""
    names = " / ".join(SCALED)
    lines = [
        f"| requests/s, mean (top) | {names}: mean (most) | wait p50 / p99, ms "
        "| default model, because routing was late | refused: a tenant's limit "
        "| refused: no room | core-hours | GPU-hours | USD a day (per million) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for day in outcomes:
        replicas = " / ".join(
            f"{day.replicas_mean[name]:.1f} ({day.replicas_most[name]})"
            for name in SCALED
        )
        lines.append(
            f"| {day.mean_rate:,.0f} ({day.peak_rate:,.0f}) | {replicas} "
            f"| {day.wait_p50_ms:.1f} / {day.wait_p99_ms:.0f} "
            f"| {day.fallback_share:.2%} | {day.over_limit_share:.2%} "
            f"| {day.over_capacity_share:.2%} | {day.core_hours:,.0f} "
            f"| {day.gpu_hours:,.0f} | {day.usd:,.0f} ({day.usd_per_million:.2f}) |"
        )
    return "\n".join(lines)


def _days(options: argparse.Namespace, load: Workload) -> list[tuple[Course, Outcome]]:
    bursts = Bursts(a_day=options.bursts, factor=options.burst_factor)
    seconds = round(options.hours * 3600)
    scenarios = [
        Scenario(
            load, rate, bursts, metered=Metered(), seconds=seconds, seed=options.seed
        )
        for rate in options.rates
    ]
    return in_processes(simulated, scenarios)


def _write_docs(days: list[tuple[Course, Outcome]], load: Workload, seed: int) -> bool:
    """Whether flows and requests agree, as the page says of them."""
    check, agree = check_table(load, seed)
    write_part(PAGE, DAYS_PART, days_table([outcome for _, outcome in days]))
    _draw(days, DOCS / "capacity")
    write_part(PAGE, CHECK_PART, check)
    write_part(PAGE, POLICIES_PART, policies_table(load, seed))
    return agree


def _draw(days: list[tuple[Course, Outcome]], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    course, shown = min(days, key=lambda day: abs(day[1].mean_rate - _SHOWN))
    draw_day(course, shown, directory / "day.png")
    draw_rates([outcome for _, outcome in days], directory / "rates.png")


def main() -> int:
    """Run and print."""
    given = ["--help" if word == "--options" else word for word in sys.argv[1:]]
    parser = _parser()
    options = parser.parse_args(given)
    _refuse_unused(parser, options)
    quiet()
    assumptions = assumptions_of(vars(options))
    try:
        load = workload(
            assumptions, gpu=options.gpu, queries=options.queries, seed=options.seed
        )
    except BadInput as error:
        parser.error(str(error))
    if options.check:
        table, agree = check_table(load, options.seed)
        print(table)
        return 0 if agree else 1
    if options.policies:
        print(policies_table(load, options.seed))
        return 0
    days = _days(options, load)
    outcomes = [outcome for _, outcome in days]
    print(days_table(outcomes))
    print(f"decisions: {load.demand.source}; upstreams {load.demand.upstream_s:.1f} s")
    if options.json:
        data = [asdict(outcome) for outcome in outcomes]
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    if options.plots:
        _draw(days, options.plots)
    if options.docs and not _write_docs(days, load, options.seed):
        print("flows and requests differ: see --check", file=sys.stderr)
        return 1
    return 0


def _refuse_unused(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> None:
    """--check and --policies run days of their own, and print a table."""
    mode = next((name for name in ("check", "policies") if vars(options)[name]), None)
    for name in _OF_DAYS if mode else ():
        if vars(options)[name] != parser.get_default(name):
            parser.error(f"--{name.replace('_', '-')}: --{mode} has no use for it")
    if options.check and options.policies:
        parser.error("--policies: --check has no use for it")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        usage="%(prog)s [OPTION ...]  (--options says which)",  # an error: two lines
        description="A day of an installation, simulated.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    rate = number(0.1, 1e6)
    add("--rates", type=rate, nargs="+", default=list(RATES), help="requests/s, mean")
    add("--hours", type=number(0.1, 168.0), default=24.0)
    add("--bursts", type=whole(0, 10_000), default=12, help="a day")
    add("--burst-factor", type=number(1.0, 1000.0), default=3.0)
    add("--gpu", action="store_true", help="Qwen3-Embedding-8B on GPUs embeds")
    add(
        "--queries", type=file, default=zeroeval_if_there(), help="records to decide on"
    )
    add("--seed", type=whole(0, 2**31 - 1), default=0)
    add("--json", type=result_file)
    add("--plots", type=result_folder, help="folder")
    add("--check", action="store_true", help="flows beside requests; 1 if they differ")
    add("--policies", action="store_true", help="of the Embedder, compared")
    add("--docs", action="store_true", help="write docs/simulation.md and its plots")
    add_assumptions(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
