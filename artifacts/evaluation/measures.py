"""The figures that sum up an accuracy–cost curve, the same way for every method.

max_accuracy        greatest accuracy of the curve's points (mean over queries)
max_accuracy_macro  the same with each collection counting equally
cost_to_match_best  smallest cost among the points that are at least as accurate as
                    the best single model, as a share of that model's cost; None if
                    no point is. Points are settings that exist: nothing is
                    interpolated.
cost_for_90         the same for 90 % of the best single model's accuracy
aiq_linear, aiq_log average accuracy (× 100) under the non-decreasing concave hull of
                    the points, over linear or logarithmic cost from the cheapest to
                    the most expensive single model (RouterBench's average
                    improvement in quality). The hull starts at the cheapest single
                    model, which any method could fall back to.
perf_gain           max_accuracy / the best single model's accuracy − 1: what the paper
                    means by "+7 % over GPT-5-medium"
cost_save           1 − cost_to_match_best; None if the best is never matched
pareto_distance     how far the method's own Pareto front lies from the common one of
                    all methods but the oracle and all single models: the mean over
                    its points p of

                        min over f of √(max(0, a_f − a_p)² + max(0, c_p − c_f)²)

                    where f runs over the common front, and accuracy a and cost c are
                    divided by their ranges over the single models. 0 = it lies on the
                    common front. (The name is LLMRouterBench's, arXiv 2601.07206:
                    average distance to the frontier. The one-sided distance is GD+ of
                    Ishibuchi et al. 2015: being better than f on one axis counts
                    neither for nor against. A method's inner points do not count, so
                    that the density of α decides nothing.) It depends on what else is
                    compared.

perf_gain, cost_save and pareto_distance are parts of 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from artifacts.evaluation.curves import (
    Curve,
    HeldOut,
    Values,
    pareto_front,
    upper_hull,
)

Metrics = dict[str, float | None]
METRICS = (
    "max_accuracy",
    "max_accuracy_macro",
    "cost_to_match_best",
    "cost_for_90",
    "aiq_linear",
    "aiq_log",
    "perf_gain",
    "cost_save",
    "pareto_distance",
)
# For these less is better; for the others more.
LESS_IS_BETTER = frozenset({"cost_to_match_best", "cost_for_90", "pareto_distance"})

# Sums in another order differ by rounding; that decides nothing.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """What all methods are held against on the same held-out rows."""

    best_accuracy: float
    best_cost_usd: float
    accuracy: Values  # of the single models, (m,)
    cost_usd: Values
    front_accuracy: Values  # of the common Pareto front, (f,)
    front_cost_usd: Values

    @classmethod
    def of(
        cls, test: HeldOut, best_single: int, rivals: Iterable[Curve]
    ) -> "Yardstick":
        """With the column of the single model that did best in training.

        The common front is that of the single models and of the `rivals`' points.
        """
        accuracy, cost_usd = test.accuracy, test.mean_cost_usd
        best = float(accuracy[best_single]), float(cost_usd[best_single])
        curves = list(rivals)
        all_accuracy = np.concatenate([accuracy, *(c.accuracy for c in curves)])
        all_cost_usd = np.concatenate([cost_usd, *(c.cost_usd for c in curves)])
        front = pareto_front(all_cost_usd, all_accuracy)
        return cls(*best, accuracy, cost_usd, all_accuracy[front], all_cost_usd[front])


def measure(curve: Curve, yardstick: Yardstick) -> Metrics:
    """All of METRICS; None where a figure is not defined (never reached, no range)."""
    max_accuracy = float(curve.accuracy.max())
    to_match = cost_share(curve, yardstick, 1.0)
    best = yardstick.best_accuracy
    return {
        "max_accuracy": max_accuracy,
        "max_accuracy_macro": float(curve.accuracy_macro.max()),
        "cost_to_match_best": to_match,
        "cost_for_90": cost_share(curve, yardstick, 0.9),
        "aiq_linear": aiq(curve, yardstick, log=False),
        "aiq_log": aiq(curve, yardstick, log=True),
        "perf_gain": max_accuracy / best - 1 if best > 0 else None,
        "cost_save": None if to_match is None else 1 - to_match,
        "pareto_distance": pareto_distance(curve, yardstick),
    }


def cost_share(curve: Curve, yardstick: Yardstick, part: float) -> float | None:
    """Cheapest point with `part` of the best single model's accuracy."""
    enough = curve.accuracy >= part * yardstick.best_accuracy - ROUNDING
    if not enough.any() or yardstick.best_cost_usd == 0:
        return None
    return float(curve.cost_usd[enough].min() / yardstick.best_cost_usd)


def aiq(curve: Curve, yardstick: Yardstick, *, log: bool) -> float | None:
    """Average accuracy under the hull × 100; None if the single models' costs have no
    range (over `log`: or one of them is free)."""
    cheapest = np.lexsort((-yardstick.accuracy, yardstick.cost_usd))[0]
    cost_usd = np.r_[yardstick.cost_usd[cheapest], curve.cost_usd]
    accuracy = np.r_[yardstick.accuracy[cheapest], curve.accuracy]
    low, high = float(yardstick.cost_usd.min()), float(yardstick.cost_usd.max())
    if low == high or (log and low == 0):
        return None
    if log:
        # A point below the range is as good as one at its start.
        cost_usd = np.log(np.maximum(cost_usd, low))
        low, high = float(np.log(low)), float(np.log(high))
    hull = upper_hull(cost_usd, accuracy)
    return 100 * _mean_height(cost_usd[hull], accuracy[hull], low, high)


def pareto_distance(curve: Curve, yardstick: Yardstick) -> float | None:
    """See the module; None if the single models' accuracies or costs have no range."""
    accuracy_range = float(np.ptp(yardstick.accuracy))
    cost_range = float(np.ptp(yardstick.cost_usd))
    if accuracy_range == 0 or cost_range == 0:
        return None
    own = pareto_front(curve.cost_usd, curve.accuracy)
    worse = yardstick.front_accuracy - curve.accuracy[own, None]
    dearer = curve.cost_usd[own, None] - yardstick.front_cost_usd
    distance = np.hypot(
        np.maximum(worse, 0) / accuracy_range, np.maximum(dearer, 0) / cost_range
    )
    return float(distance.min(axis=1).mean())


def _mean_height(x: Values, y: Values, low: float, high: float) -> float:
    """Mean over [low, high] of the line through the points, flat beyond its ends."""
    inside = (x > low) & (x < high)
    grid = np.r_[low, x[inside], high]
    return float(np.trapezoid(np.interp(grid, x, y), grid) / (high - low))
