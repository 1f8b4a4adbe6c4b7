"""Seeded k-means over unit vectors, and which clusters lie nearest to a vector."""

from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clustering:
    """Outcome of k-means: the mean of each cluster and the cluster of each row."""

    means: Vectors  # (k, d), not normalised
    labels: NDArray[np.intp]  # (n,)
    inertia: float  # sum of squared Euclidean distances to the own mean


@dataclass(frozen=True, slots=True)
class KMeans:
    """How to cluster: the best of `n_init` seeded runs of at most `n_iter` steps."""

    n_clusters: int = 60
    n_init: int = 10
    n_iter: int = 100
    seed: int = 0

    def fit(self, vectors: Vectors) -> Clustering:
        """Cluster all rows; ValueError if there are fewer rows than clusters."""
        n, dimension = vectors.shape
        if n < self.n_clusters:
            raise ValueError(f"{n} queries cannot make {self.n_clusters} clusters")
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        kmeans = faiss.Kmeans(
            dimension,
            self.n_clusters,
            niter=self.n_iter,
            nredo=self.n_init,
            seed=self.seed,
            # As scikit-learn starts; random rows end 1 to 2 % worse when k is large.
            init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
            min_points_per_centroid=1,
            # FAISS would train on a sample of 256 rows per centroid; all rows count.
            max_points_per_centroid=n,
            gpu=faiss.get_num_gpus() > 0,
        )
        kmeans.train(rows)
        means = np.ascontiguousarray(kmeans.centroids, dtype=np.float32)
        labels, distances = _nearest_mean(rows, means)
        return Clustering(means, labels, float(distances.sum()))


def _nearest_mean(
    rows: Vectors, means: Vectors
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    index = faiss.IndexFlatL2(means.shape[1])
    index.add(means)
    distances, labels = index.search(rows, 1)
    return labels[:, 0].astype(np.intp), distances[:, 0].astype(np.float64)


def unit_rows(vectors: Vectors) -> Vectors:
    """Each row scaled to length 1; ValueError for one without a direction."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or np.any(norms == 0):
        raise ValueError("a vector has no direction: its norm is 0 or not finite")
    return np.asarray(vectors / norms, dtype=np.float32)


def nearest(
    vectors: Vectors, centroids: Vectors, n: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The `n` centroids of greatest cosine similarity for each row, nearest first.

    Both arguments hold unit rows: (b, d) and (k, d). Returns the cluster numbers and
    the similarities, each (b, min(n, k)).
    """
    similarity = vectors @ centroids.T
    n = min(n, similarity.shape[1])
    part = np.argpartition(-similarity, n - 1, axis=1)[:, :n]
    part.sort(axis=1)
    values = np.take_along_axis(similarity, part, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return (
        np.take_along_axis(part, order, axis=1),
        np.take_along_axis(values, order, axis=1),
    )
