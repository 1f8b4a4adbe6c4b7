"""Places of clusters and queries in the plane: near means alike."""

import numpy as np

from artifacts.clustering import Vectors, nearest
from artifacts.dataset import Matrix

_STEPS = 200
# A query lies between this many clusters, weighted by exp(sharpness · cosine).
_N_NEAREST = 4
_SHARPNESS = 20.0


def place_clusters(centroids: Vectors) -> Matrix:
    """Points (k, 2) whose distances are as near as may be to those of the unit rows.

    Metric multidimensional scaling: least squares of the differences by majorisation
    (SMACOF, de Leeuw 1977), from the first two principal components on. The sign of
    an axis is free in theory; here the greatest component of its direction is positive.
    """
    rows = centroids.astype(np.float64)
    gram = np.clip(rows @ rows.T, -1, 1)
    wanted = np.sqrt(np.maximum(2 - 2 * gram, 0))
    places = _principal(rows)
    for _ in range(_STEPS):
        difference = places[:, None, :] - places[None, :, :]
        actual = np.sqrt((difference**2).sum(axis=2))
        ratio = np.divide(
            wanted, actual, out=np.zeros_like(wanted), where=actual > 1e-12
        )
        places = (ratio.sum(axis=1)[:, None] * places - ratio @ places) / len(places)
    return places


def _principal(rows: Matrix) -> Matrix:
    middle = rows - rows.mean(axis=0)
    _, _, directions = np.linalg.svd(middle, full_matrices=False)
    plane = np.zeros((rows.shape[1], 2))
    kept = directions[:2].T
    largest = np.abs(kept).argmax(axis=0)
    plane[:, : kept.shape[1]] = kept * np.sign(kept[largest, range(kept.shape[1])])
    return np.asarray(middle @ plane)


def place_queries(vectors: Vectors, centroids: Vectors, places: Matrix) -> Matrix:
    """Points (n, 2) of unit rows among the `places` of the clusters nearest to them."""
    clusters, similarity = nearest(vectors, centroids, _N_NEAREST)
    weight = np.exp(_SHARPNESS * (similarity - similarity[:, :1]).astype(np.float64))
    weight /= weight.sum(axis=1, keepdims=True)
    return np.asarray((weight[:, :, None] * places[clusters]).sum(axis=1))
