"""Priors of models that were not there when the two-way prior was fitted.

That prior is sigmoid(model + cluster) for accuracy and exp(model + cluster) for cost.
Any model's column tells the cluster effects, up to a constant that the effect of the
new model takes up.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from artifacts.dataset import Matrix
from artifacts.profiles import ClusterProfiles

_HALF_ANSWER = 0.5  # keeps the effect of a model that is always right finite
_MAX_EFFECT = 20.0  # on the logit scale: beyond it nothing moves
_HALVINGS = 60

Values = NDArray[np.float64]


def borrow_priors(old: ClusterProfiles, new: ClusterProfiles) -> ClusterProfiles:
    """`new` with priors whose cluster effects are those of `old`.

    Each new model's own effect is the one under which its cells, weighted by their
    queries, come out right on average.
    """
    cluster_logit = _cluster_logit(old.prior_accuracy)
    cluster_cost = _cluster_cost(old.prior_cost_usd)
    accuracy, cost_usd = new.filled_accuracy(), new.filled_cost_usd()
    columns = range(new.shape[1])
    return replace(
        new,
        prior_accuracy=np.column_stack(
            [
                _accuracy_column(cluster_logit, new.count[:, i], accuracy[:, i])
                for i in columns
            ]
        ),
        prior_cost_usd=np.column_stack(
            [cost_prior(cluster_cost, new.count[:, i], cost_usd[:, i]) for i in columns]
        ),
    )


def cost_effects(profiles: ClusterProfiles) -> Values:
    """How dear each cluster is, up to a common factor; (k,), positive."""
    return _cluster_cost(profiles.prior_cost_usd)


def cost_prior(
    cluster_cost: Values, count: NDArray[np.int64], cost_usd: Values
) -> Values:
    """Cluster costs in proportion, such that the measured cells' total is right.

    A model that is free wherever it was measured is expected to be free elsewhere.
    """
    return np.asarray(cluster_cost * ((count @ cost_usd) / float(count @ cluster_cost)))


def _cluster_logit(prior: Matrix) -> Values:
    """From the column nearest to one half: there the logit loses no digits."""
    column = prior[:, np.abs(prior - 0.5).max(axis=0).argmin()]
    return np.asarray(np.log(column) - np.log1p(-column))


def _cluster_cost(prior: Matrix) -> Values:
    """From any model that is not free; without one, clusters cost alike."""
    paid = np.flatnonzero((prior > 0).all(axis=0))
    if len(paid) == 0:
        return np.ones(len(prior))
    column = prior[:, paid[0]]
    return np.asarray(column / column.mean())


def _accuracy_column(
    cluster_logit: Values, count: NDArray[np.int64], accuracy: Values
) -> Values:
    """sigmoid(effect + cluster) of greatest likelihood, by halving its range."""
    n = float(count.sum())
    right = float(count @ accuracy) + _HALF_ANSWER
    right *= n / (n + 2 * _HALF_ANSWER)
    low, high = -_MAX_EFFECT - cluster_logit.max(), _MAX_EFFECT - cluster_logit.min()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_low = float(count @ _sigmoid(middle + cluster_logit)) < right
        low, high = (middle, high) if too_low else (low, middle)
    return _sigmoid((low + high) / 2 + cluster_logit)


def _sigmoid(x: Values) -> Values:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
