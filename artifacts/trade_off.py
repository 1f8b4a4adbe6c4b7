"""How much accuracy weighs against cost at each α, so that α's range is spent evenly.

Knows nothing of how accuracy and cost are predicted.
"""

import numpy as np

from artifacts.dataset import Matrix
from artifacts.smoother import Values

N_KNOTS = 41
# What one more right answer is worth, in cost units: from less than any price to more.
_WORTHS = np.geomspace(1e-4, 1e6, 401)
# Free models have no place on a logarithmic scale: it starts at this share of the top.
_LOWEST_SHARE = 1e-3


def cost_unit(cost_usd: Matrix) -> float:
    """The median model's mean cost over the queries (n, m); 1 if all are free."""
    mean = cost_usd.mean(axis=0)
    unit = float(np.median(mean)) or float(mean.max())
    return unit or 1.0


def even_spending(accuracy: Matrix, cost_usd: Matrix, unit: float) -> Values:
    """Weights τ of accuracy for α = 0, 1/40, …, 1: log mean cost rises evenly with α.

    `accuracy` and `cost_usd` (n, m) are expectations on the training queries. Where one
    step of τ makes the cost jump, the α in between share the range of that step. If
    nothing can be traded (one model, or the best is the cheapest), τ = α.
    """
    alphas = np.linspace(0.0, 1.0, N_KNOTS)
    dearest = _mean_cost_of(cost_usd, first=accuracy, then=-cost_usd)
    cheapest = _mean_cost_of(cost_usd, first=-cost_usd, then=accuracy)
    start = max(cheapest, _LOWEST_SHARE * dearest)
    if not start < dearest:
        return alphas
    spent = np.array([_spent(accuracy, cost_usd, worth * unit) for worth in _WORTHS])
    log_spent = np.log(np.maximum.accumulate(np.maximum(spent, start)))
    # A hair of slope makes plateaus invertible.
    log_spent += np.linspace(0.0, 1e-9, len(log_spent))
    targets = np.log(start) + alphas[1:-1] * np.log(dearest / start)
    worth = np.exp(np.interp(targets, log_spent, np.log(_WORTHS)))
    return np.asarray(np.r_[0.0, worth / (1.0 + worth), 1.0])


def _spent(accuracy: Matrix, cost_usd: Matrix, worth_usd: float) -> float:
    """Mean cost if a right answer is worth `worth_usd`."""
    choice = (worth_usd * accuracy - cost_usd).argmax(axis=1)
    return float(cost_usd[np.arange(len(choice)), choice].mean())


def _mean_cost_of(cost_usd: Matrix, *, first: Matrix, then: Matrix) -> float:
    """Mean cost if `first` decides, and `then` among its equals."""
    best = first == first.max(axis=1, keepdims=True)
    choice = np.where(best, then, -np.inf).argmax(axis=1)
    return float(cost_usd[np.arange(len(choice)), choice].mean())
