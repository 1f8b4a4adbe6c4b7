"""One model's fresh labels in one cluster: what a mean over all of them hides."""

import math

import numpy as np
from numpy.typing import NDArray

from artifacts.drift.finding import Finding, Limits, verdict_of
from artifacts.smoother import Values

# A part of the queries only: to look at, and no reason to fit everything anew.
IN_ONE_CLUSTER = Limits(watch=0.1, refit=None)
_LEAST = 30  # labels of the model in the cluster


def cluster_finding(
    model: str,
    labels: tuple[Values, NDArray[np.intp]],
    cells: tuple[Values, NDArray[np.int64]],
    level: float,
) -> Finding | None:
    """The cluster whose labels depart most, measured by its own noise; None: none has
    enough labels.

    `labels`: scores in [0, 1] and their clusters (k: in none), each (n,); `cells`: mean
    score and number of the training queries in each cluster, each (k,). `level` is
    divided among the clusters that are looked at. The noise is Hoeffding's bound for
    the difference of two means: it holds for any scores in [0, 1], however few.
    """
    (score, cluster), (expected, trained) = labels, cells
    k = len(trained)
    n = np.bincount(cluster, minlength=k)[:k]
    found = np.bincount(cluster, score, k)[:k] / np.maximum(n, 1)
    looked_at = np.flatnonzero((n >= _LEAST) & (trained > 0))
    if len(looked_at) == 0:
        return None
    departure = np.abs(found - expected)[looked_at]
    few = 1 / n[looked_at] + 1 / trained[looked_at]
    noise = np.sqrt(math.log(2 * len(looked_at) / level) / 2 * few)
    most = int((departure / noise).argmax())
    at = int(looked_at[most])
    why = f"cluster {at}: {found[at]:.1%}, {expected[at]:.1%} at the fit"
    return _finding(model, int(n[at]), float(departure[most]), float(noise[most]), why)


def _finding(model: str, n: int, departure: float, noise: float, why: str) -> Finding:
    said = verdict_of(departure, noise, IN_ONE_CLUSTER)
    limits = IN_ONE_CLUSTER
    return Finding("cluster_accuracy", model, n, departure, noise, limits, said, why)
