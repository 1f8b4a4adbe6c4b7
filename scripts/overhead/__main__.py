"""See scripts/bench/overhead."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.option_types import number, result_file, result_folder, whole
from scripts.overhead import scenarios
from scripts.overhead.checks import checks
from scripts.overhead.docs import write_docs
from scripts.overhead.merging import change_file
from scripts.overhead.own_figures import OwnFigures, own_figures
from scripts.overhead.plan import DIRECT, QUICK, Plan
from scripts.overhead.printing import print_report
from scripts.overhead.report import Report, this_machine
from scripts.overhead.rounds import measure
from scripts.overhead.scenarios import Scenario
from scripts.served import ROOT, end_when_told

SCENARIOS = ("base", "cold", "tenants", "limits", "models", "replicas", "frames")


def main() -> None:
    end_when_told()
    options = _options()
    report = options.report or Report(_plan(options), this_machine())
    run(report, options)
    found = checks(report)
    print_report(report, found)
    if options.docs:
        write_docs(report, found, options.docs)
    if options.check and not found:
        raise SystemExit("--check: there is no bound on what was measured")
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
        "base": lambda: scenarios.base(dict(options.variant)),
        "cold": scenarios.cold,
        "tenants": scenarios.tenants,
        "limits": scenarios.limits,
        "models": lambda: scenarios.models(directory),
        "replicas": scenarios.replicas,
        "frames": scenarios.frames,
    }


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    names = ("rounds", "seconds", "most_foreign", "repeats")
    given = {name: getattr(options, name) for name in names}
    return replace(plan, **{k: v for k, v in given.items() if v is not None})


def _report(text: str) -> Report:
    try:
        return Report.read(Path(text))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise argparse.ArgumentTypeError(f"{text}: not what --json wrote") from None


def _variant(text: str) -> tuple[str, dict[str, Any]]:
    name, equals, file = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text}: not NAME=FILE")
    return name, change_file(file)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench/overhead")
    choices = (*SCENARIOS, "all")
    parser.add_argument("--scenario", nargs="+", default=[], choices=choices)
    parser.add_argument("--only", nargs="+", default=[], metavar="TARGET")
    parser.add_argument(
        "--variant", type=_variant, action="append", default=[], metavar="NAME=FILE"
    )
    parser.add_argument("--peers", action="store_true")  # the shell has installed them
    parser.add_argument("--rounds", type=whole(1, 1000))
    parser.add_argument("--seconds", type=number(0.1, 3600))
    parser.add_argument("--most-foreign", type=number(0, 1), metavar="SHARE")
    parser.add_argument("--repeats", type=whole(0, 100))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--report", type=_report, metavar="FILE")
    parser.add_argument("--json", type=result_file, metavar="FILE")
    docs = ROOT / "docs"
    parser.add_argument(
        "--docs", type=result_folder, nargs="?", const=docs, metavar="DIRECTORY"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
