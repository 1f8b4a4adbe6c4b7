"""The paper's x: performance and cost, scaled over the candidates and weighed by α.

For one query the time goes into numpy's calls: see `policy.py`.
"""

import numpy as np

from artifacts.dataset import Matrix

# p̃ and q̃ where the candidates are equal.
_EQUAL = np.array([[1.0], [0.0]])
# Share of a value that sums in another order may add to it. Scaled, so small a
# difference would weigh as much as the whole range, and decide.
_ROUNDING = 1e-9


def performance_efficiency(cells: Matrix, alpha: float) -> Matrix:
    """x = α·p̃ + (1 − α)·(1 − q̃) of performances and costs (…, 2, c); (…, c).

    Both are scaled over the candidates in one go: for one query, a step of numpy takes
    the same time for two short rows as for one.
    """
    scaled = min_max(cells, flat=_EQUAL)
    return alpha * scaled[..., 0, :] + (1 - alpha) * (1 - scaled[..., 1, :])


def efficiency_per_usd(cost_usd: Matrix, alpha: float) -> float:
    """How much a USD lowers the x of a candidate: Σ (1 − α) / (q_max − q_min).

    `cost_usd` (p, c) are the costs that x was scaled by; where all candidates cost the
    same, cost is no part of x.
    """
    spread = np.ptp(cost_usd, axis=1)
    spread = spread[spread > _ROUNDING * cost_usd.max(axis=1)]
    return float((1 - alpha) * (1.0 / spread).sum())


def min_max(values: Matrix, *, flat: float | Matrix) -> Matrix:
    """Scaled to [0, 1] over the last axis; `flat` where all values are equal, but for
    rounding. None may be negative."""
    low = np.minimum.reduce(values, axis=-1, keepdims=True)
    high = np.maximum.reduce(values, axis=-1, keepdims=True)
    spread = high - low
    level = spread <= _ROUNDING * high
    scaled = values - low
    scaled /= np.where(level, 1.0, spread)
    return np.where(level, flat, scaled)
