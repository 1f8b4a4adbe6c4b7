"""What an evaluation found."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from artifacts.clustering import Vectors
from artifacts.evaluation.curves import Curve
from artifacts.evaluation.measures import Metrics


@dataclass(frozen=True, slots=True, eq=False)
class SplitResult:
    """All methods, and each single model, on one set of held-out rows.

    `centroids` are the clusters that the methods were fitted with, as unit rows.
    """

    seed: int
    n_test: int
    n_skipped: int  # held-out rows on which some model was not measured
    best_single: str  # the most accurate model on the training rows
    collections: tuple[str, ...]  # that have rows which were judged
    unjudged: tuple[str, ...]  # that have held-out rows, all of them skipped
    curves: Mapping[str, Curve]
    metrics: Mapping[str, Metrics]
    singles: Mapping[str, Curve]  # one point each
    single_metrics: Mapping[str, Metrics]
    centroids: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationResult:
    """One SplitResult for each seed, in the order of the seeds.

    `train_fraction` is None where an existing artifact was judged on all rows.
    """

    models: tuple[str, ...]
    alphas: tuple[float, ...]
    splits: tuple[SplitResult, ...]
    train_fraction: float | None = None

    @property
    def unjudged(self) -> dict[str, int]:
        """Collections that had held-out rows on some splits and no figure rests on, by
        the number of those splits; sorted."""
        judged = {name for split in self.splits for name in split.collections}
        left_out = Counter(name for split in self.splits for name in split.unjudged)
        return {name: n for name, n in sorted(left_out.items()) if name not in judged}

    @property
    def n_judged(self) -> int:
        """Held-out rows that figures rest on, over all splits."""
        return sum(split.n_test for split in self.splits) - self.n_skipped

    @property
    def n_skipped(self) -> int:
        """Held-out rows on which some model was not measured, over all splits."""
        return sum(split.n_skipped for split in self.splits)
