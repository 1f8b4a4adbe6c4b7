"""See scripts/bench/overhead."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from scripts.overhead import scenarios
from scripts.overhead.checks import checks
from scripts.overhead.docs import write_docs
from scripts.overhead.own_figures import OwnFigures, own_figures
from scripts.overhead.plan import DIRECT, QUICK, Plan
from scripts.overhead.printing import print_report
from scripts.overhead.report import Report, this_machine
from scripts.overhead.rounds import measure
from scripts.overhead.scenarios import Scenario
from scripts.served import ROOT, end_when_told

SCENARIOS = ("base", "cold", "tenants", "models", "replicas", "frames")


def main() -> None:
    end_when_told()
    options = _options()
    if options.report:
        report = Report.read(options.report)
    else:
        report = Report(_plan(options), this_machine())
    run(report, options)
    found = checks(report)
    print_report(report, found)
    if options.docs:
        write_docs(report, found, options.docs)
    failed = any(not check.passed for check in found)
    raise SystemExit(1 if options.check and failed else 0)


def run(report: Report, options: argparse.Namespace) -> None:
    """Measures what is asked for; after each scenario all of it is written."""
    with TemporaryDirectory() as name:
        made = _scenarios(Path(name), options)
        for scenario in _wanted(options):
            chosen = made[scenario]()
            targets = {
                name: start
                for name, start in chosen.targets.items()
                if _is_wanted(name, scenario, options.only)
            }
            print(f"scenario {scenario}")
            cold = scenario == "cold"
            own: list[OwnFigures] = []
            report.scenarios[scenario] = measure(
                targets,
                chosen.cases,
                report.plan,
                after_round=partial(_measure_own, own, report.plan) if cold else None,
            )
            report.own = own or report.own
            if options.json:
                report.write(options.json)


def _measure_own(own: list[OwnFigures], plan: Plan) -> None:
    own.append(own_figures(plan.seconds))


def _wanted(options: argparse.Namespace) -> Sequence[str]:
    if "all" in options.scenario:
        return SCENARIOS
    if not options.scenario and not options.report:
        return ("base",)
    return list(options.scenario)


def _is_wanted(target: str, scenario: str, only: Sequence[str]) -> bool:
    """The other scenarios compare two, and are nothing without both."""
    return not only or scenario != "base" or target in {DIRECT, *only}


def _scenarios(
    directory: Path, options: argparse.Namespace
) -> dict[str, Callable[[], Scenario]]:
    return {
        "base": lambda: scenarios.base(_variants(options.variant)),
        "cold": scenarios.cold,
        "tenants": scenarios.tenants,
        "models": lambda: scenarios.models(directory),
        "replicas": scenarios.replicas,
        "frames": scenarios.frames,
    }


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    names = ("rounds", "seconds", "most_foreign", "repeats")
    given = {name: getattr(options, name) for name in names}
    return replace(plan, **{k: v for k, v in given.items() if v is not None})


def _variants(given: list[str]) -> dict[str, Any]:
    found = {}
    for variant in given:
        name, equals, file = variant.partition("=")
        if not equals:
            raise SystemExit(f"--variant {variant}: not NAME=FILE")
        found[name] = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench/overhead")
    choices = (*SCENARIOS, "all")
    parser.add_argument("--scenario", nargs="+", default=[], choices=choices)
    parser.add_argument("--only", nargs="+", default=[], metavar="TARGET")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--peers", action="store_true")  # the shell has installed them
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--most-foreign", type=float, metavar="SHARE")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--report", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    docs = ROOT / "docs"
    parser.add_argument("--docs", type=Path, nargs="?", const=docs, metavar="DIRECTORY")
    return parser.parse_args()


if __name__ == "__main__":
    main()
