"""Curves over several splits as figures show them: mean, spread and elbows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from artifacts.evaluation.curves import Values
from artifacts.dataset import Matrix
from artifacts.evaluation.judging import SplitResult


@dataclass(frozen=True, slots=True, eq=False)
class AverageCurve:
    """A method's curve over α; `sd` is over the splits, nan if there is one."""

    alpha: Values
    accuracy: Values
    accuracy_sd: Values
    cost_usd: Values
    cost_sd: Values
    share: Matrix  # (a, m)


def average(splits: Sequence[SplitResult], method: str) -> AverageCurve:
    """Mean and spread at each point; all splits must have the same settings."""
    curves = [split.curves[method] for split in splits]
    accuracy = np.stack([curve.accuracy for curve in curves])
    cost_usd = np.stack([curve.cost_usd for curve in curves])
    return AverageCurve(
        alpha=curves[0].knob,
        accuracy=accuracy.mean(axis=0),
        accuracy_sd=_spread(accuracy),
        cost_usd=cost_usd.mean(axis=0),
        cost_sd=_spread(cost_usd),
        share=np.mean([curve.share for curve in curves], axis=0),
    )


def _spread(values: Matrix) -> Values:
    if len(values) < 2:
        return np.full(values.shape[1], np.nan)
    return np.asarray(values.std(axis=0, ddof=1))


def average_over_cost(
    splits: Sequence[SplitResult], method: str, n: int = 200
) -> tuple[Values, Values]:
    """Mean accuracy along cost, interpolated, where every split has a value."""
    curves = [split.curves[method] for split in splits]
    low = max(float(curve.cost_usd.min()) for curve in curves)
    high = min(float(curve.cost_usd.max()) for curve in curves)
    cost_usd = np.geomspace(low, high, n) if low > 0 else np.linspace(low, high, n)
    lines = [np.interp(cost_usd, curve.cost_usd, curve.accuracy) for curve in curves]
    return cost_usd, np.asarray(np.mean(lines, axis=0))


def average_singles(splits: Sequence[SplitResult]) -> tuple[Values, Values]:
    """Mean held-out accuracy and cost of each model; (m,) each."""
    mean = np.array([list(split.singles.values()) for split in splits]).mean(axis=0)
    return mean[:, 0], mean[:, 1]


def elbows(alpha: Values, cost_usd: Values) -> tuple[float, ...]:
    """Where cost leaves its floor, and where it levels off again; none, one or both.

    The first is the α at which the curve lies farthest below the chord between its
    ends (Kneedle for a convex curve); the second is farthest above the chord between
    the first and the end.
    """
    first, depth = _farthest(alpha, -cost_usd)
    if depth <= 0:
        return ()
    second, height = _farthest(alpha[first:], cost_usd[first:])
    if height <= 0:
        return (float(alpha[first]),)
    return float(alpha[first]), float(alpha[first + second])


def _farthest(x: Values, y: Values) -> tuple[int, float]:
    """Index and height of the point farthest above the chord between the ends."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0]) if x[-1] > x[0] else 0.0
    height = y - y[0] - slope * (x - x[0])
    at = int(height.argmax())
    return at, float(height[at])
