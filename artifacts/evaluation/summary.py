"""Figures over several splits: mean, spread, and differences split by split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from artifacts.evaluation.intervals import paired_interval
from artifacts.evaluation.measures import (
    LESS_IS_BETTER,
    METRICS,
    ROUNDING,
    Metrics,
)
from artifacts.evaluation.results import EvaluationResult

REFERENCE = "paper"


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over the seeds. `mean` and `sd` are over the seeds where it is defined;
    `sd` (sample) needs two of them."""

    mean: float | None
    sd: float | None
    values: tuple[float | None, ...]  # one per seed

    @property
    def n(self) -> int:
        """Of how many seeds the mean is; of fewer than all, it is not one of all."""
        return n_known(self.values)

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Summary":
        """Summary of one value per seed; None where it is not defined."""
        known = [value for value in values if value is not None]
        return cls(
            mean=float(np.mean(known)) if known else None,
            sd=float(np.std(known, ddof=1)) if len(known) > 1 else None,
            values=tuple(values),
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure minus that of the reference on the same split.

    `ci95` is the interval of the mean (`paired_interval`), over the splits where both
    are defined. `n_worse` counts the splits on which the method is worse (by more than
    rounding), or does not reach what the reference reaches.
    """

    mean: float | None
    sd: float | None
    values: tuple[float | None, ...]
    ci95: tuple[float, float] | None
    n_worse: int

    @property
    def n(self) -> int:
        """Of how many splits the mean is."""
        return n_known(self.values)


def n_known(values: Sequence[float | None]) -> int:
    """Seeds on which a figure is defined."""
    return sum(value is not None for value in values)


Table = dict[str, dict[str, Summary]]  # method → metric → figure
Differences = dict[str, dict[str, Difference]]


def summaries(result: EvaluationResult) -> Table:
    """Every metric of every method over the splits."""
    return _summaries([split.metrics for split in result.splits])


def single_summaries(result: EvaluationResult) -> Table:
    """Every metric of every single model over the splits."""
    return _summaries([split.single_metrics for split in result.splits])


def _summaries(splits: Sequence[Mapping[str, Metrics]]) -> Table:
    return {
        name: {
            metric: Summary.of([metrics[name][metric] for metrics in splits])
            for metric in METRICS
        }
        for name in splits[0]
    }


def paired(
    table: Table, train_fraction: float | None, reference: str = REFERENCE
) -> Differences:
    """Differences to `reference` on the same split; empty if it was not judged.

    `train_fraction` is that of the splits; None: there are no intervals.
    """
    if reference not in table:
        return {}
    return {
        method: {
            metric: _difference(
                metric, figure, table[reference][metric], train_fraction
            )
            for metric, figure in figures.items()
        }
        for method, figures in table.items()
        if method != reference
    }


def _difference(
    metric: str, figure: Summary, reference: Summary, train_fraction: float | None
) -> Difference:
    pairs = list(zip(figure.values, reference.values, strict=True))
    values = [
        None if ours is None or theirs is None else ours - theirs
        for ours, theirs in pairs
    ]
    known = [value for value in values if value is not None]
    sign = -1 if metric in LESS_IS_BETTER else 1
    out_of_reach = sum(ours is None and theirs is not None for ours, theirs in pairs)
    summary = Summary.of(values)
    return Difference(
        summary.mean,
        summary.sd,
        summary.values,
        ci95=None if train_fraction is None else paired_interval(known, train_fraction),
        n_worse=out_of_reach + sum(sign * value < -ROUNDING for value in known),
    )
