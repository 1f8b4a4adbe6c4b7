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
"""

from dataclasses import dataclass

import numpy as np

from artifacts.evaluation.curves import Curve, HeldOut, Values, upper_hull

Metrics = dict[str, float | None]
METRICS = (
    "max_accuracy",
    "max_accuracy_macro",
    "cost_to_match_best",
    "cost_for_90",
    "aiq_linear",
    "aiq_log",
)

# Sums in another order differ by rounding; that decides nothing.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """What all methods are held against on the same held-out rows."""

    best_accuracy: float
    best_cost_usd: float
    accuracy: Values  # of the single models, (m,)
    cost_usd: Values

    @classmethod
    def of(cls, test: HeldOut, best_single: int) -> "Yardstick":
        """With the column of the single model that did best in training."""
        accuracy, cost_usd = test.accuracy, test.mean_cost_usd
        best = float(accuracy[best_single]), float(cost_usd[best_single])
        return cls(*best, accuracy, cost_usd)


def measure(curve: Curve, yardstick: Yardstick) -> Metrics:
    """All of METRICS; None where a figure is not defined (never reached, no range)."""
    return {
        "max_accuracy": float(curve.accuracy.max()),
        "max_accuracy_macro": float(curve.accuracy_macro.max()),
        "cost_to_match_best": cost_share(curve, yardstick, 1.0),
        "cost_for_90": cost_share(curve, yardstick, 0.9),
        "aiq_linear": aiq(curve, yardstick, log=False),
        "aiq_log": aiq(curve, yardstick, log=True),
    }


def cost_share(curve: Curve, yardstick: Yardstick, part: float) -> float | None:
    """Cheapest point with `part` of the best single model's accuracy."""
    enough = curve.accuracy >= part * yardstick.best_accuracy - _ROUNDING
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


def _mean_height(x: Values, y: Values, low: float, high: float) -> float:
    """Mean over [low, high] of the line through the points, flat beyond its ends."""
    inside = (x > low) & (x < high)
    grid = np.r_[low, x[inside], high]
    return float(np.trapezoid(np.interp(grid, x, y), grid) / (high - low))
