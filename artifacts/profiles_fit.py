"""Profiles of clusters from scored queries: means, and priors for what lacks them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.dataset import Matrix, RoutingDataset
from artifacts.profiles import ClusterProfiles

# Keeps the logit of a cell with all right or all wrong answers finite.
_HALF_ANSWER = 0.5
_BLOCK_CELLS = 2**24  # clusters × rows that are summed at a time (128 MiB)


def profile_clusters(
    dataset: RoutingDataset, labels: NDArray[np.intp], n_clusters: int
) -> ClusterProfiles:
    """Profiles of `dataset`, whose row r lies in cluster `labels[r]`.

    ValueError names a model that was measured on no query of `dataset` (of a fit: the
    training part), or whose costs have no finite sum.
    """
    members = _Members(labels, n_clusters)
    measured = ~np.isnan(dataset.score)
    for column in np.flatnonzero(~measured.any(axis=0)):
        what = "has no score among the training queries"
        raise ValueError(f"model {dataset.models[column]!r} {what}")
    count = members.sums(measured.astype(np.float64))
    accuracy = _cluster_means(members, dataset.score)
    cost_usd = _cluster_means(members, dataset.cost_usd)
    for column in np.flatnonzero(np.isinf(cost_usd).any(axis=0)):
        what = "its costs are too large: their sum is not finite"
        raise ValueError(f"model {dataset.models[column]!r}: {what}")
    return ClusterProfiles(
        accuracy=accuracy,
        cost_usd=cost_usd,
        count=count.astype(np.int64),
        prior_accuracy=_accuracy_prior(accuracy, count),
        prior_cost_usd=_cost_prior(cost_usd, count),
        prompt_tokens=_cluster_means(members, dataset.prompt_tokens),
        completion_tokens=_cluster_means(members, dataset.completion_tokens),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """Which row lies in which cluster."""

    labels: NDArray[np.intp]
    n_clusters: int

    def sums(self, values: Matrix) -> Matrix:
        """`values` (n, m) summed over the rows of each cluster; (k, m).

        A product with the 0/1 matrix of members, in blocks of rows: for a million rows
        and a thousand clusters that matrix would take 8 GB.
        """
        block = max(1, _BLOCK_CELLS // self.n_clusters)
        total = np.zeros((self.n_clusters, values.shape[1]))
        for start in range(0, len(values), block):
            labels = self.labels[start : start + block]
            members = np.zeros((self.n_clusters, len(labels)))
            members[labels, np.arange(len(labels))] = 1.0
            total += members @ values[start : start + block]
        return total


def _cluster_means(members: _Members, values: Matrix) -> Matrix:
    """Mean of the known `values` (n, m) over the rows of each cluster; nan if none."""
    known = ~np.isnan(values)
    count = members.sums(known.astype(np.float64))
    with np.errstate(invalid="ignore", over="ignore"):
        total = members.sums(np.where(known, values, 0.0))
        return np.asarray(total / count)


def _accuracy_prior(accuracy: Matrix, count: Matrix) -> Matrix:
    """sigmoid(model + cluster): the two-way fit on the logit scale."""
    right = np.where(count > 0, accuracy, 0.0) * count
    smoothed = (right + _HALF_ANSWER) / (count + 2 * _HALF_ANSWER)
    logit = np.log(smoothed) - np.log1p(-smoothed)
    return np.asarray(1.0 / (1.0 + np.exp(-_two_way(logit, count))))


def _cost_prior(cost_usd: Matrix, count: Matrix) -> Matrix:
    """exp(model + cluster): costs are proportional, so the fit is on the log scale.

    A model that is free wherever it was measured is expected to be free elsewhere.
    """
    paid = (count > 0) & (np.nan_to_num(cost_usd) > 0)
    log_cost = np.log(np.where(paid, cost_usd, 1.0))
    prior = np.exp(_two_way(log_cost, np.where(paid, count, 0.0)))
    return np.where(paid.any(axis=0), prior, 0.0)


def _two_way(values: Matrix, weight: Matrix, n_iter: int = 20) -> Matrix:
    """Additive fit row + column to `values`, each cell weighted; (k, m).

    Backfitting; a row or column without weight gets the effect 0.
    """
    row = np.zeros((values.shape[0], 1))
    column = np.zeros((1, values.shape[1]))
    row_weight = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    column_weight = np.maximum(weight.sum(axis=0, keepdims=True), 1e-12)
    for _ in range(n_iter):
        residual = weight * (values - row)
        column = residual.sum(axis=0, keepdims=True) / column_weight
        residual = weight * (values - column)
        row = residual.sum(axis=1, keepdims=True) / row_weight
    return np.asarray(row + column)
