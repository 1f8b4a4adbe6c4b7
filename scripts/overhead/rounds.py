"""Runs targets in turn, several rounds of it, so that all see the machine's moods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scripts.overhead.accounts import pss_mib
from scripts.overhead.plan import WARM_UP, Plan
from scripts.overhead.running import NotStarted
from scripts.overhead.sampling import Case, Sample, take
from scripts.overhead.targets import Start, Target, origin

Say = Callable[[str], None]


@dataclass
class Figures:
    """All samples of one target, by case; memory of each round, by group."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    idle_mib: list[dict[str, float]] = field(default_factory=list)
    after_mib: list[dict[str, float]] = field(default_factory=list)
    absent: str | None = None  # why it was not measured


def measure(
    targets: Mapping[str, Start],
    cases: Callable[[Target], Sequence[Case]],
    plan: Plan,
    say: Say = print,
) -> dict[str, Figures]:
    """Figures of each target by its name."""
    figures = {name: Figures() for name in targets}
    with origin() as origin_port:
        for number in range(plan.rounds):
            for name, start in targets.items():
                if figures[name].absent:
                    continue
                say(f"round {number + 1} of {plan.rounds}: {name}")
                try:
                    with start(origin_port) as target:
                        _one_round(origin_port, target, cases, plan, figures[name])
                except NotStarted as error:
                    figures[name].absent = str(error)
                    say(f"  {name} did not start: {error}")
    return figures


def _one_round(
    origin_port: int,
    target: Target,
    cases: Callable[[Target], Sequence[Case]],
    plan: Plan,
    figures: Figures,
) -> None:
    if target.pid:
        figures.idle_mib.append(pss_mib([target.pid]))
    for case in WARM_UP:
        if target.streams or not case.stream:
            take(origin_port, target, case, plan.warm_s)
    for case in cases(target):
        sample = _least_disturbed(origin_port, target, case, plan)
        figures.samples.setdefault(case.name, []).append(sample)
    if target.pid:
        figures.after_mib.append(pss_mib([target.pid]))


def _least_disturbed(
    origin_port: int, target: Target, case: Case, plan: Plan
) -> Sample:
    best: Sample | None = None
    for _ in range(plan.repeats + 1):
        sample = take(origin_port, target, case, plan.seconds)
        if best is None or sample.foreign < best.foreign:
            best = sample
        if best.foreign <= plan.most_foreign:
            break
    assert best is not None
    return best


def finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
