"""Seeded k-means over unit vectors, and which clusters lie nearest to a vector."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_BLOCK_CELLS = 2**22  # rows × centroids that are compared at a time (16 MiB)


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
        # Here, as in all that fits: a Router only looks up what lies nearest.
        import faiss

        n, dimension = vectors.shape
        if n < self.n_clusters:
            what = f"{n} queries cannot make {self.n_clusters} clusters (--clusters N)"
            raise ValueError(what)
        # No copy of rows that are float32 and contiguous already, nor one in FAISS.
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
            gpu=_has_gpu(),
        )
        kmeans.train(rows)
        means = np.ascontiguousarray(kmeans.centroids, dtype=np.float32)
        labels, distances = _nearest_mean(rows, means)
        return Clustering(means, labels, float(distances.sum()))


def _has_gpu() -> bool:
    """FAISS' CPU build has this function too, and says 0."""
    import faiss

    return bool(faiss.get_num_gpus() > 0)


def _nearest_mean(
    rows: Vectors, means: Vectors
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    import faiss

    index: faiss.Index = faiss.IndexFlatL2(means.shape[1])
    if _has_gpu():
        index = faiss.index_cpu_to_all_gpus(index)
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
    block = max(1, _BLOCK_CELLS // len(centroids))
    if len(vectors) <= block:
        return _nearest(vectors, centroids, n)
    starts = range(0, len(vectors), block)
    parts = [_nearest(vectors[i : i + block], centroids, n) for i in starts]
    clusters, similarities = zip(*parts, strict=True)
    return np.concatenate(clusters), np.concatenate(similarities)


def _nearest(
    vectors: Vectors, centroids: Vectors, n: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    similarity = vectors.dot(centroids.T)
    n = min(n, similarity.shape[1])
    part = (-similarity).argpartition(n - 1, axis=1)[:, :n]
    part.sort(axis=1)
    values = _pick(similarity, part)
    order = (-values).argsort(axis=1, kind="stable")
    return _pick(part, order), _pick(values, order)


def _pick(rows: NDArray[Any], columns: NDArray[np.intp]) -> NDArray[Any]:
    """Of each of `rows` (b, w) what stands in its `columns` (b, n)."""
    # For a single row, take_along_axis takes longer than all else in `nearest`.
    if len(rows) == 1:
        return rows.take(columns)
    return np.take_along_axis(rows, columns, axis=1)
