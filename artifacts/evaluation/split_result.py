"""One split's curves, and what is measured on them."""

from collections.abc import Mapping
from dataclasses import dataclass

from artifacts.clustering import Vectors
from artifacts.evaluation.baselines import (
    ORACLE,
    ModelMeans,
    baseline_curves,
    single_curves,
)
from artifacts.evaluation.curves import Curve, HeldOut
from artifacts.evaluation.measures import Yardstick, measure
from artifacts.evaluation.results import SplitResult


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What the methods of one split have in common."""

    seed: int
    means: ModelMeans
    centroids: Vectors


def split_result(
    setting: Setting, rows: HeldOut, routed_curves: Mapping[str, Curve]
) -> SplitResult:
    """All figures of the routed curves and of the baselines beside them."""
    curves = {**routed_curves, **baseline_curves(rows, setting.means)}
    singles = single_curves(rows)
    rivals = [curve for name, curve in curves.items() if name != ORACLE]
    best = setting.means.best
    yardstick = Yardstick.of(rows, best, rivals)
    return SplitResult(
        seed=setting.seed,
        n_test=len(rows.rows) + rows.n_skipped,
        n_skipped=rows.n_skipped,
        best_single=rows.models[best],
        collections=rows.collections,
        unjudged=rows.unjudged,
        curves=curves,
        metrics={name: measure(curve, yardstick) for name, curve in curves.items()},
        singles=singles,
        single_metrics={
            name: measure(curve, yardstick) for name, curve in singles.items()
        },
        centroids=setting.centroids,
    )
