"""See scripts/derive-autoscaling."""

import argparse
import math
import sys
from pathlib import Path

import yaml

from artifacts.errors import BadInput
from scripts.option_types import number
from scripts.scaling.assumed import add_assumptions, assumptions_of
from scripts.scaling.constants import FILE, GATHER_MS, Constants, Way
from scripts.scaling.demand import bundled_demand
from scripts.scaling.plan import SCALED, Workload
from scripts.scaling.serve_yaml import scaled_in, with_settings
from scripts.scaling.settings import Goal, derive
from scripts.scaling.steady import GPU_WINDOW
from scripts.scaling.traffic import Bursts, Lengths
from serve_app.config import AppConfig
from serve_app.config_file import read_app_config

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


def too_few_calls(config: AppConfig, load: Workload, goal: Goal) -> list[str]:
    """What the configuration says of calls in flight, where that is too few: then some
    Embedders would have nothing to do, however many are started."""
    embedders = derive(load, "Embedder", goal).max_replicas
    routers = derive(load, "Router", goal).max_replicas
    route, embed = config.limits.route_concurrency, config.router.embed_concurrency
    calls = math.ceil(embedders / routers)
    problems = []
    if route < load.route_calls:
        problems.append(
            f"args.limits.route_concurrency should be {load.route_calls}: so many "
            "Embedders work for each Gateway"
        )
    if embed < calls:
        problems.append(
            f"args.router.embed_concurrency should be {calls}: {routers} Routers are "
            f"to keep {embedders} Embedders busy"
        )
    return problems


def embeds_on_gpu(text: str, config: AppConfig) -> bool:
    """Whether the configuration lends its Embedder a GPU."""
    if config.embedder.engine == "vllm":
        return config.embedder.device != "cpu"
    lent = [
        (one.get("ray_actor_options") or {}).get("num_gpus")
        for application in yaml.safe_load(text)["applications"]
        for one in application.get("deployments") or ()
        if one.get("name") == "Embedder"
    ]
    return any(lent)


def way_of(config: AppConfig) -> Way:
    """What the configuration says of its frames: the longest time that was measured and
    is not longer than its own. BadInput where Router or backends are no deployments.
    """
    if "gateway" in (config.placement.router, config.placement.openrouter):
        raise BadInput(
            "with `placement: gateway` a Gateway calls Embedders itself, and how often "
            "is not known here: scripts/capacity --placement gateway says what it takes"
        )
    own = config.backends.openrouter.gather_ms
    shorter = [ms for ms in GATHER_MS if ms <= own]
    return Way(gather_ms=max(shorter, default=min(GATHER_MS)))


def main() -> int:
    """Write, or check."""
    parser = _parser()
    options = parser.parse_args()
    if options.least > options.most:
        parser.error("--least is above --most")
    bursts = Bursts(factor=options.burst_factor, last_s=options.burst_s)
    goal = Goal(options.least, options.most, bursts)
    assumptions = assumptions_of(vars(options))
    try:
        config = read_app_config(options.file)
        way = way_of(config)
    except BadInput as error:
        parser.error(str(error))
    text = options.file.read_text(encoding="utf-8")
    if embeds_on_gpu(text, config) != options.gpu:
        what = "no GPU: leave --gpu out" if options.gpu else "a GPU: add --gpu"
        parser.error(f"{options.file}: its Embedder has {what}")
    load = Workload(
        Constants.read(options.constants),
        assumptions,
        bundled_demand(assumptions),
        Lengths(window=GPU_WINDOW) if options.gpu else Lengths(),
        gpu=options.gpu,
        way=way,
    )
    new = derived(text, load, goal)
    for problem in too_few_calls(config, load, goal):
        print(f"{options.file}: {problem}", file=sys.stderr)
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
    rate = number(0.1, 1e6)
    add("file", type=Path, help="a Serve configuration (YAML)")
    add("--least", type=rate, default=20.0, help="requests/s at night")
    add("--most", type=rate, default=500.0, help="requests/s at the very top")
    add("--burst-factor", type=number(1.0, 1000.0), default=3.0)
    seconds = "how long a burst lasts"
    add("--burst-s", type=number(1.0, 86_400.0), default=240.0, help=seconds)
    add("--gpu", action="store_true", help="the Embedder has a GPU")
    add("--constants", type=Path, default=FILE)
    add("--check", action="store_true", help="change nothing; 1 if it would")
    add_assumptions(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
