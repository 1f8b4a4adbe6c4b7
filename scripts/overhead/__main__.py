"""See scripts/bench/overhead."""

import argparse
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from scripts.overhead.peers import PEERS
from scripts.overhead.plan import QUICK, Plan, base_cases
from scripts.overhead.rounds import disturbed, measure
from scripts.overhead.summary import DIRECT, Summary
from scripts.overhead.table import TABLES, rows
from scripts.overhead.targets import Start, bare, direct, gateway


def main() -> None:
    options = _options()
    plan = QUICK if options.quick else Plan()
    for name in ("rounds", "seconds"):
        if (given := getattr(options, name)) is not None:
            plan = replace(plan, **{name: given})
    figures = measure(
        _targets(options), lambda target: base_cases(streams=target.streams), plan
    )
    summary = Summary(figures, plan.most_foreign)
    console = Console(width=max(160, Console().width))
    for title, columns in TABLES.items():
        head, *body = rows(summary, columns)
        table = Table(*head, title=title, title_justify="left")
        for line in body:
            table.add_row(*line)
        console.print(table)
    for target in summary.targets:
        if errors := summary.errors(target):
            print(f"{target}: errors {errors}")
        if parts := summary.parts(target, "plain c=16 0 ms"):
            shares = ", ".join(f"{name} {ms:.2f}" for name, ms in parts.items())
            print(f"{target}, CPU-ms at c = 16: {shares}")
    bad, every = disturbed(figures, plan)
    print(
        f"{bad} of {every} samples disturbed (others used over "
        f"{plan.most_foreign:.0%} of the machine), load {os.getloadavg()[0]:.1f} "
        f"on {os.cpu_count()} cores"
    )
    if options.json:
        values = {name: asdict(found) for name, found in figures.items()}
        options.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench/overhead")
    parser.add_argument("--only", nargs="*", default=[], metavar="TARGET")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _targets(options: argparse.Namespace) -> dict[str, Start]:
    found: dict[str, Start] = {"bare proxy": bare, "gateway": gateway()}
    for variant in options.variant:
        name, _, file = variant.partition("=")
        change = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        found[name] = gateway(change)
    found |= PEERS
    if options.only:
        found = {name: start for name, start in found.items() if name in options.only}
    return {DIRECT: direct, **found}


if __name__ == "__main__":
    main()
