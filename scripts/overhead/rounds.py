"""Runs targets in turn, several rounds of it, so that all see the machine's moods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from scripts.overhead.accounts import pss_mib
from scripts.overhead.disturbance import least_disturbed
from scripts.overhead.load_process import LoadFailed
from scripts.overhead.plan import WARM_UP, Plan
from scripts.overhead.sampling import Case, Sample, take
from scripts.overhead.targets import Start, Target, origin
from scripts.running import NotStarted

_ATTEMPTS = 2  # on a busy machine Ray may miss its own time limits


@dataclass
class Figures:
    """All samples of one target, by case; memory of each round, by group."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    idle_mib: list[dict[str, float]] = field(default_factory=list)
    after_mib: list[dict[str, float]] = field(default_factory=list)
    absent: str | None = None  # why it was not measured
    missed: list[int] = field(default_factory=list)  # rounds, from 0, without samples

    def fail(self, number: int, why: str) -> None:
        """It did not start in a round; if that is its first, it is not tried again."""
        if self.samples:
            self.missed.append(number)
        else:
            self.absent = why

    def by_round(self, case: str) -> list[Sample | None]:
        """Samples of a case, with nothing for the rounds that were missed."""
        found: list[Sample | None] = list(self.samples.get(case, []))
        for number in self.missed:
            found.insert(number, None)
        return found


def measure(
    targets: Mapping[str, Start],
    cases: Callable[[Target], Sequence[Case]],
    plan: Plan,
    *,
    after_round: Callable[[], None] | None = None,
) -> dict[str, Figures]:
    """Figures of each target by its name; `after_round` measures what stands beside."""
    figures = {name: Figures() for name in targets}
    with origin() as origin_port:
        for number in range(plan.rounds):
            for name, start in targets.items():
                if figures[name].absent:
                    continue
                print(f"round {number + 1} of {plan.rounds}: {name}")
                work = partial(_one_round, origin_port, cases, plan, figures[name])
                why = _with_target(start, origin_port, work)
                if why:
                    figures[name].fail(number, why)
                    print(f"  {name} did not start: {why}")
            if after_round:
                after_round()
    return figures


def _with_target(start: Start, origin_port: int, work: Callable[[Target], None]) -> str:
    """Why it did not start, at the second attempt; nothing if it did."""
    why = ""
    for _ in range(_ATTEMPTS):
        try:
            with start(origin_port) as target:
                work(target)
                return ""
        except NotStarted as error:
            why = str(error)
    return why


def _one_round(
    origin_port: int,
    cases: Callable[[Target], Sequence[Case]],
    plan: Plan,
    figures: Figures,
    target: Target,
) -> None:
    if target.pid:
        figures.idle_mib.append(pss_mib([target.pid]))
    for case in WARM_UP:
        take(origin_port, target, case, plan.warm_s)
    for case in cases(target):
        sample = _least_disturbed(origin_port, target, case, plan)
        figures.samples.setdefault(case.name, []).append(sample)
    if target.pid:
        figures.after_mib.append(pss_mib([target.pid]))


def _least_disturbed(
    origin_port: int, target: Target, case: Case, plan: Plan
) -> Sample:
    seconds = plan.window_s(case)
    return least_disturbed(
        partial(_second_if_failed, origin_port, target, case, seconds),
        lambda sample: sample.taken,
        most=plan.most_foreign,
        repeats=plan.repeats,
    )


def _second_if_failed(
    origin_port: int, target: Target, case: Case, seconds: float
) -> Sample:
    """An hour's run does not end with one failure of the load generator."""
    try:
        return take(origin_port, target, case, seconds)
    except LoadFailed as error:
        print(f"  {case.name} once more: {error}")
        return take(origin_port, target, case, seconds)


def finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
