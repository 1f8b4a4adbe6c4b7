"""Curves over several splits as figures show them: mean, band and elbows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from artifacts.dataset import Matrix
from artifacts.evaluation.curves import Curve, Values
from artifacts.evaluation.intervals import half_width
from artifacts.evaluation.results import SplitResult

# A bend that leaves the chord by less than this part of the rise is no elbow.
_LEAST_BEND = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class AverageCurve:
    """A method's curve over α. The bands are 95 % half-widths of the mean over the
    splits (`half_width`); nan if there is one split."""

    alpha: Values
    accuracy: Values
    accuracy_macro: Values
    accuracy_band: Values
    cost_usd: Values
    cost_band: Values
    share: Matrix  # (a, m)


def average(
    splits: Sequence[SplitResult], method: str, train_fraction: float | None = None
) -> AverageCurve:
    """Mean and band at each point; all splits must have the same settings.

    `train_fraction`: that of random splits of the same records.
    """
    curves = [split.curves[method] for split in splits]
    accuracy = np.stack([curve.accuracy for curve in curves])
    cost_usd = np.stack([curve.cost_usd for curve in curves])
    return AverageCurve(
        alpha=curves[0].knob,
        accuracy=accuracy.mean(axis=0),
        accuracy_macro=np.mean([curve.accuracy_macro for curve in curves], axis=0),
        accuracy_band=_band(accuracy, train_fraction or 1.0),
        cost_usd=cost_usd.mean(axis=0),
        cost_band=_band(cost_usd, train_fraction or 1.0),
        share=np.mean([curve.share for curve in curves], axis=0),
    )


def _band(values: Matrix, train_fraction: float) -> Values:
    n = len(values)
    if n < 2:
        return np.full(values.shape[1], np.nan)
    return np.asarray(half_width(n, train_fraction) * values.std(axis=0, ddof=1))


def average_over_cost(
    splits: Sequence[SplitResult], method: str, n: int = 200
) -> tuple[Values, Values]:
    """Mean accuracy along cost, interpolated, where every split has a value."""
    curves = [split.curves[method] for split in splits]
    low = max(float(curve.cost_usd.min()) for curve in curves)
    high = min(float(curve.cost_usd.max()) for curve in curves)
    cost_usd = np.geomspace(low, high, n) if low > 0 else np.linspace(low, high, n)
    lines = []
    for curve in curves:
        # Points are in the order of their knob; on held-out rows, costs may fall.
        order = curve.cost_usd.argsort(kind="stable")
        points = curve.cost_usd[order], curve.accuracy[order]
        lines.append(np.interp(cost_usd, *points))
    return cost_usd, np.asarray(np.mean(lines, axis=0))


def average_singles(splits: Sequence[SplitResult]) -> tuple[Values, Values]:
    """Mean held-out accuracy and cost of each model; (m,) each."""
    curves = [list(split.singles.values()) for split in splits]
    accuracy = [[float(curve.accuracy[0]) for curve in row] for row in curves]
    cost_usd = [[float(curve.cost_usd[0]) for curve in row] for row in curves]
    return np.mean(accuracy, axis=0), np.mean(cost_usd, axis=0)


def average_by_collection(
    splits: Sequence[SplitResult], curves: Sequence[Curve], point: int = 0
) -> Mapping[str, float]:
    """Mean accuracy on each collection at a point of a curve, given for each split.

    A collection counts on the splits that have held-out rows of it.
    """
    values: dict[str, list[float]] = {}
    for split, curve in zip(splits, curves, strict=True):
        row = curve.by_collection[point].tolist()
        for name, value in zip(split.collections, row, strict=True):
            values.setdefault(name, []).append(value)
    return {name: float(np.mean(values[name])) for name in sorted(values)}


def elbows(alpha: Values, cost_usd: Values) -> tuple[float, ...]:
    """Where cost leaves its floor, and where it levels off again; none, one or both.

    The first is the α at which the curve lies farthest below the chord between its
    ends (Kneedle, for a convex curve; Satopää et al. 2011); the second is farthest
    above the chord between the first and the end. Scaling an axis changes neither. A
    bend of less than 5 % of the curve's range is none.
    """
    least = _LEAST_BEND * float(np.ptp(cost_usd))
    first, depth = _farthest(alpha, -cost_usd)
    if depth <= least:
        return ()
    second, height = _farthest(alpha[first:], cost_usd[first:])
    if height <= least:
        return (float(alpha[first]),)
    return float(alpha[first]), float(alpha[first + second])


def _farthest(x: Values, y: Values) -> tuple[int, float]:
    """Index and height of the point farthest above the chord between the ends."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0]) if x[-1] > x[0] else 0.0
    height = y - y[0] - slope * (x - x[0])
    at = int(height.argmax())
    return at, float(height[at])
