"""See scripts/derive-autoscaling."""

import argparse
import sys
from pathlib import Path

import yaml

from scripts.scaling.assumed import add_assumptions, assumptions_of
from scripts.scaling.capacity import GPU_WINDOW
from scripts.scaling.constants import FILE, Constants
from scripts.scaling.demand import bundled_demand
from scripts.scaling.plan import SCALED, Workload
from scripts.scaling.serve_yaml import scaled_in, with_settings
from scripts.scaling.settings import Goal, derive
from scripts.scaling.traffic import Bursts, Lengths

COMMAND = "scripts/derive-autoscaling"


def derived(text: str, load: Workload, goal: Goal) -> str:
    """The configuration with the settings; SystemExit if nothing in it scales."""
    if not scaled_in(text) & set(SCALED):
        raise SystemExit("no deployment of ours has an autoscaling_config")
    settings = {name: derive(load, name, goal) for name in SCALED}
    bursts = goal.bursts
    command = f"{COMMAND} --gpu" if load.gpu else COMMAND
    gpu = ", a GPU for an Embedder" if load.gpu else ""
    head = (
        f"by {command}, for {goal.least:g} to {goal.most:g} requests/s, bursts of "
        f"{bursts.factor:g} × for {bursts.last_s:g} s, a core for each replica{gpu}"
    )
    return with_settings(text, settings, head)


def route_concurrency(text: str) -> int:
    """What the configuration says of it."""
    for application in yaml.safe_load(text).get("applications", []):
        limits = (application.get("args") or {}).get("limits") or {}
        return int(limits.get("route_concurrency", 1))
    return 1


def main() -> int:
    """Write, or check."""
    options = _parser().parse_args()
    bursts = Bursts(factor=options.burst_factor, last_s=options.burst_s)
    goal = Goal(options.least, options.most, bursts)
    assumptions = assumptions_of(vars(options))
    load = Workload(
        Constants.read(options.constants),
        assumptions,
        bundled_demand(assumptions),
        Lengths(window=GPU_WINDOW) if options.gpu else Lengths(),
        gpu=options.gpu,
    )
    text = options.file.read_text(encoding="utf-8")
    new = derived(text, load, goal)
    if route_concurrency(text) < load.route_calls:
        print(
            f"{options.file}: args.limits.route_concurrency should be "
            f"{load.route_calls}: so many Embedders work for each Gateway",
            file=sys.stderr,
        )
    if options.check:
        print("up to date" if new == text else f"not up to date: run {COMMAND}")
        return int(new != text)
    options.file.write_text(new, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Writes autoscaling settings with their derivation.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("file", type=Path, help="a Serve configuration (YAML)")
    add("--least", type=float, default=20.0, help="requests/s at night")
    add("--most", type=float, default=500.0, help="requests/s at the very top")
    add("--burst-factor", type=float, default=3.0)
    add("--burst-s", type=float, default=240.0, help="how long a burst lasts")
    add("--gpu", action="store_true", help="the Embedder has a GPU")
    add("--constants", type=Path, default=FILE)
    add("--check", action="store_true", help="change nothing; 1 if it would")
    add_assumptions(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
