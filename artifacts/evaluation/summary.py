"""Figures over several splits: mean, spread, and differences split by split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from artifacts.evaluation.judging import SplitResult
from artifacts.evaluation.measures import METRICS

REFERENCE = "paper"


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over the seeds. `mean` and `sd` are over the seeds where it is defined;
    `sd` (sample) needs two of them."""

    mean: float | None
    sd: float | None
    values: tuple[float | None, ...]  # one per seed

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Summary":
        """Summary of one value per seed; None where it is not defined."""
        known = [value for value in values if value is not None]
        return cls(
            mean=float(np.mean(known)) if known else None,
            sd=float(np.std(known, ddof=1)) if len(known) > 1 else None,
            values=tuple(values),
        )


Table = dict[str, dict[str, Summary]]  # method → metric → figure


def summaries(splits: Sequence[SplitResult]) -> Table:
    """Every metric of every method over the splits."""
    return {
        method: {
            metric: Summary.of([split.metrics[method][metric] for split in splits])
            for metric in METRICS
        }
        for method in splits[0].metrics
    }


def paired(table: Table, reference: str = REFERENCE) -> Table:
    """Differences to `reference` on the same split; empty if it was not judged."""
    if reference not in table:
        return {}
    return {
        method: {
            metric: Summary.of(_differences(figure, table[reference][metric]))
            for metric, figure in figures.items()
        }
        for method, figures in table.items()
        if method != reference
    }


def _differences(figure: Summary, reference: Summary) -> list[float | None]:
    return [
        None if ours is None or theirs is None else ours - theirs
        for ours, theirs in zip(figure.values, reference.values, strict=True)
    ]
