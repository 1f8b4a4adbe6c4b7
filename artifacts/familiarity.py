"""How like the training queries a query is, by its similarity to the nearest centroid.

Knows nothing of models: what is done with a query that is like none of them is for
`artifact.py` and `global_profile.py`.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.clustering import Clustering, Vectors, unit_rows

# Whole per cents, and a finer low tail: that is where the line is drawn.
_LEVELS = np.unique(
    np.r_[np.arange(0, 20) / 2000, np.arange(10, 50) / 1000, np.arange(5, 101) / 100]
)
ARRAYS = ("similarity_quantiles", "cluster_size")

_ROWS_AT_ONCE = 16_384  # so that rows × clusters stays small beside the vectors


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Quantiles of the training queries' cosine to their nearest centroid.

    `quantiles` (2, t): levels rising from 0 to 1, and the cosine at each.
    `cluster_size` (k,): how many of the queries lie in each cluster.
    """

    quantiles: NDArray[np.float64]
    cluster_size: NDArray[np.int64]

    def __post_init__(self) -> None:
        values = self.quantiles
        if values.ndim != 2 or len(values) != 2 or values.shape[1] < 2:
            raise ValueError("similarity_quantiles: shape (2, t) expected")
        if not np.all(np.isfinite(values)) or np.any(np.diff(values) < 0):
            raise ValueError("similarity_quantiles: must be finite and never fall")
        if (values[0, 0], values[0, -1]) != (0, 1):
            raise ValueError("similarity_quantiles: levels must lead from 0 to 1")
        size = self.cluster_size
        whole = np.issubdtype(size.dtype, np.integer)
        if not whole or size.ndim != 1 or size.min(initial=0) < 0 or size.sum() < 1:
            raise ValueError("cluster_size: counts of queries expected")

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By their names in `arrays.npz`."""
        return dict(zip(ARRAYS, (self.quantiles, self.cluster_size), strict=True))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Familiarity | None":
        """The inverse of `arrays`; None if neither is there, ValueError if one is."""
        given = [arrays.get(name) for name in ARRAYS]
        if all(array is None for array in given):
            return None
        for name, array in zip(ARRAYS, given, strict=True):
            if array is None:
                raise ValueError(f"{name}: the array is missing")
        return cls(*given)  # type: ignore[arg-type]

    def similarity(self, quantile: float) -> float:
        """The cosine below which the share `quantile` of such queries lies."""
        return float(np.interp(quantile, *self.quantiles))

    def percentile(self, similarity: float) -> float:
        """Per cent of the training queries that are less familiar; in [0, 100]."""
        levels, values = self._lists
        right = bisect_right(values, similarity)
        if right == 0 or right == len(values):
            return 0.0 if right == 0 else 100.0
        low, high = values[right - 1], values[right]
        part = (similarity - low) / (high - low)
        return 100 * (levels[right - 1] + part * (levels[right] - levels[right - 1]))

    @cached_property
    def _lists(self) -> tuple[list[float], list[float]]:
        # Lists: for one number, bisect is several times faster than numpy.
        levels, values = self.quantiles.tolist()
        return levels, values


def measure_familiarity(vectors: Vectors, clustering: Clustering) -> Familiarity:
    """Of training rows (n, d) of unit length, clustered as said.

    Each query is left out of its own cluster's mean: a centroid leans towards the
    queries it was made of, and without this two to four times as many new queries of
    the same kind would lie below a low quantile.
    """
    centroids = unit_rows(clustering.means)
    size = np.bincount(clustering.labels, minlength=len(centroids))
    similarity = np.empty(len(vectors))
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        labels = clustering.labels[rows]
        to_all = (vectors[rows] @ centroids.T).astype(np.float64)
        own = _without_itself(vectors[rows], clustering.means[labels], size[labels])
        to_all[np.arange(len(labels)), labels] = own
        similarity[rows] = to_all.max(axis=1)
    # A quantile that so few queries cannot tell from the lowest is the lowest.
    values = np.quantile(similarity, _LEVELS, method="lower")
    return Familiarity(np.stack([_LEVELS, values]), size.astype(np.int64))


def _without_itself(
    rows: Vectors, means: Vectors, size: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Cosine of each row to the mean of the others in its cluster; −1 if it has none.

    The others' sum is size · mean − row.
    """
    rest = size[:, None] * means.astype(np.float64) - rows
    length = np.linalg.norm(rest, axis=1)
    alone = (size < 2) | (length == 0)
    cosine = (rest * rows).sum(axis=1) / np.where(alone, 1.0, length)
    return np.where(alone, -1.0, cosine)
