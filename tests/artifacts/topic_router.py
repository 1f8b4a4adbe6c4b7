"""The calibrated policy, taught two topics: for tests of what it learns and decides."""

import numpy as np
from numpy.typing import NDArray

from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans, Vectors, nearest, unit_rows
from artifacts.dataset import RoutingDataset
from artifacts.policy import Neighbours, Scores
from artifacts.profiles import ClusterProfiles
from artifacts.profiles_fit import profile_clusters

CODER, MATHEMATICIAN, SMALL = 0, 1, 2
EVERYONE = np.arange(3)
POLICY = CalibratedPolicy(n_nearest_clusters=2)

Taught = tuple[ClusterProfiles, Vectors]  # with the centroids


def taught(
    dataset: RoutingDataset, vectors: Vectors, policy: CalibratedPolicy = POLICY
) -> Taught:
    """Two clusters, and what `policy` learns of all rows."""
    clustering = KMeans(n_clusters=2, n_init=2).fit(vectors)
    profiles = profile_clusters(dataset, clustering.labels, 2)
    centroids = unit_rows(clustering.means)
    return policy.learn(profiles, dataset, vectors, centroids), centroids


def scored(
    taught: Taught,
    vectors: Vectors,
    alpha: float,
    candidates: NDArray[np.intp] = EVERYONE,
) -> Scores:
    """The policy's scores of each row."""
    profiles, centroids = taught
    near = Neighbours(*nearest(vectors, centroids, 2), vectors)
    return POLICY.score(profiles, near, alpha, candidates)
