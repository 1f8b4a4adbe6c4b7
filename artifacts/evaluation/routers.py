"""Routers that evaluation compares: any policy over clusters, and two rivals.

A method is fitted on training rows and then chooses a model for each vector and α.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.clustering import Vectors, nearest
from artifacts.dataset import Matrix, RoutingDataset
from artifacts.evaluation.curves import Values
from artifacts.performance_efficiency import min_max, performance_efficiency
from artifacts.policy import Neighbours, Policy, Scores, rank
from artifacts.profiles import ClusterProfiles

Choices = NDArray[np.intp]

_BLOCK_CELLS = 2**22  # neighbours × models that are looked at at a time (32 MiB)


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What a method may learn from: training rows and their clusters."""

    dataset: RoutingDataset
    vectors: Vectors  # unit rows (n, d)
    means: Vectors  # of the clusters, not normalised (k, d)
    centroids: Vectors  # the same as unit rows
    profiles: ClusterProfiles


class Router(Protocol):
    """A fitted method."""

    def choose(self, vectors: Vectors, alphas: Values) -> Choices:
        """The model's column for each α and each unit row; (a, b)."""


class Method(Protocol):
    """How to get a router from training rows. Must pickle: it crosses processes."""

    def fit(self, training: Training) -> Router:
        """Learn from `training` only."""


@dataclass(frozen=True, slots=True, eq=False)
class ClusterRouter:
    """A policy over profiles, for many queries at once.

    As an artifact decides, but that no query is out of distribution: it is policies
    that are compared. `as_served` is the rest.
    """

    policy: Policy
    centroids: Vectors
    profiles: ClusterProfiles

    def choose(self, vectors: Vectors, alphas: Values) -> Choices:
        """See Router."""
        n = self.policy.n_nearest_clusters
        neighbours = Neighbours(*nearest(vectors, self.centroids, n), vectors)
        columns = np.arange(self.profiles.shape[1], dtype=np.intp)
        return np.stack(
            [
                rank(self.policy.score(self.profiles, neighbours, alpha, columns))[:, 0]
                for alpha in alphas.tolist()
            ]
        )


@dataclass(frozen=True, slots=True)
class PolicyMethod:
    """A policy that learns from the training rows what it needs."""

    policy: Policy

    def fit(self, training: Training) -> ClusterRouter:
        """See Method."""
        profiles = self.policy.learn(
            training.profiles, training.dataset, training.vectors, training.centroids
        )
        return ClusterRouter(self.policy, training.centroids, profiles)


@dataclass(frozen=True, slots=True)
class NearestNeighbours:
    """No clusters: mean score and cost over the k training queries of highest cosine,
    then the paper's x over all models."""

    k: int = 100

    def fit(self, training: Training) -> Router:
        """See Method."""
        return _NeighbourRouter(self.k, training)


@dataclass(frozen=True, slots=True, eq=False)
class _NeighbourRouter:
    k: int
    training: Training

    def choose(self, vectors: Vectors, alphas: Values) -> Choices:
        rows, _ = nearest(vectors, self.training.vectors, self.k)
        train, profiles = self.training.dataset, self.training.profiles
        accuracy = _means_of_known(train.score, rows, profiles.prior_accuracy)
        cost_usd = _means_of_known(train.cost_usd, rows, profiles.prior_cost_usd)
        cells = np.stack([accuracy, cost_usd], axis=1)
        choices = []
        for alpha in alphas.tolist():
            x = performance_efficiency(cells, alpha)
            choices.append(rank(Scores(x, accuracy, cost_usd))[:, 0])
        return np.stack(choices)


def _means_of_known(values: Matrix, rows: NDArray[np.intp], prior: Matrix) -> Matrix:
    """Means of `values` (n, m) over the neighbours (b, k) → (b, m); the prior where
    none is known. In blocks: all that 300,000 queries look at would take gigabytes."""
    block = max(1, _BLOCK_CELLS // (rows.shape[1] * values.shape[1]))
    parts = [
        _mean_of_known(values[rows[start : start + block]], prior)
        for start in range(0, len(rows), block)
    ]
    return np.concatenate(parts)


def _mean_of_known(values: NDArray[np.float64], prior: Matrix) -> Matrix:
    """Mean over the neighbours (b, k, m) → (b, m); the prior where none is known."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    mean = total / np.maximum(count, 1)
    return np.asarray(np.where(count > 0, mean, prior.mean(axis=0)))


@dataclass(frozen=True, slots=True)
class AuthorsCode:
    """The authors' released code, which is not the formula of their paper.

    Cost is q / q_max; what is kept of a cluster is the order of its models under α; a
    model gets 1 / (place + 1), weighted by softmax(β · vector · mean) over the nearest
    clusters, whose means are not of unit length. For comparison only.
    """

    n_nearest_clusters: int = 3
    beta: float = 9.0

    def fit(self, training: Training) -> Router:
        """See Method."""
        return _RankRouter(self, training)


@dataclass(frozen=True, slots=True, eq=False)
class _RankRouter:
    method: AuthorsCode
    training: Training

    def choose(self, vectors: Vectors, alphas: Values) -> Choices:
        n = self.method.n_nearest_clusters
        clusters, similarity = nearest(vectors, self.training.means, n)
        weight = np.exp(self.method.beta * (similarity - similarity[:, :1]))
        weight /= weight.sum(axis=1, keepdims=True)
        return np.stack(
            [
                np.einsum("bp,bpm->bm", weight, place[clusters]).argmax(axis=1)
                for place in map(self._places, alphas.tolist())
            ]
        )

    def _places(self, alpha: float) -> Matrix:
        """1 / (place + 1) of each model in each cluster; (k, m)."""
        profiles = self.training.profiles
        cost_usd = profiles.filled_cost_usd()
        highest = cost_usd.max(axis=1, keepdims=True)
        relative = cost_usd / np.where(highest == 0, 1.0, highest)
        performance = min_max(profiles.filled_accuracy(), flat=1.0)
        score = alpha * performance + (1 - alpha) * (1 - relative)
        place = np.argsort(np.argsort(-score, axis=1, kind="stable"), axis=1)
        return np.asarray(1.0 / (place + 1))
