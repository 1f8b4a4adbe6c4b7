"""See scripts/bench/soak."""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from scripts.option_types import number, result_file
from scripts.overhead.merging import change_file
from scripts.overhead.soaked import Soak, SoakPlan
from scripts.overhead.soaking import soak
from scripts.overhead.targets import gateway
from scripts.served import end_when_told

_MOST_GROWTH = 0.02  # an hour
_LEAST_KNOWN = 0.95  # of the time
_LEAST_LOOKS = 0.9  # at the memory, of those that are due
_QUICK = SoakPlan(
    seconds=8.0,
    settle_s=2.0,
    burst=64,
    warm_s=2.0,
    capacity_s=1.0,
    memory_every_s=0.5,
    slice_s=1.5,
)


def main() -> None:
    end_when_told()
    options = _options()
    plan = _QUICK if options.quick else SoakPlan()
    if options.minutes is not None:
        plan = replace(plan, seconds=options.minutes * 60)
    plan = replace(plan, share=options.share)
    if plan.seconds <= plan.settle_s + 3 * plan.memory_every_s:
        raise SystemExit(
            f"--minutes: memory is judged after {plan.settle_s / 60:g}: longer, please"
        )
    found = soak(gateway(options.variant), plan)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(asdict(found)) + "\n", encoding="utf-8")
    if options.plot and found.memory_mib:
        draw(found, options.plot)
    good = all(passed for passed, _ in verdicts(found))
    raise SystemExit(0 if good or not options.check else 1)


def verdicts(found: Soak) -> list[tuple[bool, str]]:
    """Whether each thing is as it should be, in words. Growth is not judged by a part
    of what was to be seen of it."""
    plan, known, looks = found.plan, found.known_share, found.memory_share
    seen = looks >= _LEAST_LOOKS
    growth = f"{found.growth_per_hour:+.2%} an hour" if seen else "not known"
    return [
        (
            known >= _LEAST_KNOWN,
            f"{known:.1%} of the time known (≥ {_LEAST_KNOWN:.0%})",
        ),
        (seen, f"memory seen {looks:.0%} of the times due (≥ {_LEAST_LOOKS:.0%})"),
        (
            seen and found.growth_per_hour <= _MOST_GROWTH,
            f"memory after {plan.settle_s / 60:g} minutes: {growth} "
            f"(≤ {_MOST_GROWTH:.0%})",
        ),
        (not found.errors, "no errors"),
    ]


def show(found: Soak) -> None:
    """Load, errors, the memory of each group of processes, and the verdicts."""
    _show_load(found)
    for lost in found.lost:
        print(f"{lost.seconds:.0f} s are lost: {lost.why}")
    if found.memory_share >= _LEAST_LOOKS:
        print(f"{'MiB':24}{'first':>9}{'last':>9}{'per hour':>10}")
        for group in [*found.groups, None]:
            first, *_, last = found.series(group)
            growth = found.growth_mib_per_hour(group)
            print(f"{group or 'all':24}{first:9.0f}{last:9.0f}{growth:+10.1f}")
    for passed, what in verdicts(found):
        print(f"{'pass' if passed else 'MISS'}   {what}")
    if taken := [sample.taken for sample in found.samples]:
        print(f"others used {sum(taken) / len(taken):.0%} of the machine meanwhile")


def _show_load(found: Soak) -> None:
    plan = found.plan
    plain = [capacity.plain for capacity in found.capacities]
    streams = [capacity.streams for capacity in found.capacities]
    if found.capacities:
        print(
            f"{plan.seconds / 60:g} minutes at {plan.share:.0%} of what a closed loop "
            f"got meanwhile, asked {len(plain)} times: {min(plain):.0f} to "
            f"{max(plain):.0f} plain requests/s, {min(streams):.0f} to "
            f"{max(streams):.0f} streams/s"
        )
    print(f"{found.answers} answers, errors {found.errors or 'none'}")
    for at, sample in enumerate(found.samples, 1):
        if sample.errors:
            print(
                f"in sample {at} of {len(found.samples)}, {sample.rate:.0f} "
                f"answers/s, p50 {sample.p50_ms:.0f} ms: {sample.errors}"
            )


def draw(found: Soak, path: Path) -> None:
    """Memory over time, by group, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), dpi=150)
    axis = figure.subplots()
    minutes = [at / 60 for at in found.seconds]
    layers: dict[str, Any] = {}
    for group in found.groups:  # Ray's ten in one: what to read is their sum
        layer = "Ray's own" if group.startswith("Ray: ") else group
        layers[layer] = np.add(layers.get(layer, 0.0), found.series(group))
    axis.stackplot(minutes, *layers.values(), labels=layers)
    axis.axvline(found.plan.settle_s / 60, color="black", linewidth=0.5)
    axis.set_xlabel("minutes")
    axis.set_ylabel("MiB (PSS)")
    axis.legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench/soak")
    parser.add_argument("--minutes", type=number(0.01, 10_000))
    parser.add_argument("--share", type=number(0.01, 10), default=0.7)
    parser.add_argument("--variant", type=change_file, metavar="FILE")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", type=result_file, metavar="FILE")
    parser.add_argument("--plot", type=result_file, metavar="FILE.png")
    return parser.parse_args()


if __name__ == "__main__":
    main()
