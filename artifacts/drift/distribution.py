"""Where the queries lie: clusters, out of distribution, similarity."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from artifacts.artifact import RoutingArtifact
from artifacts.drift.finding import Finding, Limits, untold, verdict_of
from artifacts.drift.traffic import Traffic

# Of the population stability index; the usual rule of thumb.
CLUSTERS = Limits(watch=0.1, refit=0.25)
STRANGE = Limits(watch=0.02, refit=0.10)  # share of the requests above training's
SIMILARITY = Limits(watch=0.15, refit=0.30)  # distance between the two distributions

_PSEUDO = 0.5  # so that an empty cluster has no infinite weight
_CELLS_AT_ONCE = 2**21
_DRAWS_PER_LEVEL = 20  # expected draws beyond the quantile that is looked for

Counts = NDArray[np.int64]


class _Null(NamedTuple):
    """What a statistic is if nothing has changed."""

    mean: float
    quantile: float


def clusters_finding(
    artifact: RoutingArtifact, traffic: Traffic, level: float, rng: np.random.Generator
) -> Finding:
    """The population stability index of the clusters' shares, less what chance makes.

    Chance: training and traffic are thrown together and drawn apart again, so both
    samples' sizes count, and the false alarm rate is at most `level` whatever the
    shares are.
    """
    training = training_counts(artifact)
    now = np.bincount(traffic.cluster, minlength=len(training)).astype(np.int64)
    null = _null(_by_chance(training, now, _draws(level), rng), level)
    departure = float(stability_index(training, now)) - null.mean
    noise = null.quantile - null.mean
    share, before = now / now.sum(), training / training.sum()
    most = np.argsort(-(share - before))[:3]
    grown = ", ".join(f"{c}: {before[c]:.1%} → {share[c]:.1%}" for c in most)
    return Finding(
        "clusters",
        None,
        len(traffic),
        departure,
        noise,
        CLUSTERS,
        verdict_of(departure, noise, CLUSTERS),
        f"stability index {departure:.2f}; grown most, {grown}",
    )


def _by_chance(
    training: Counts, now: Counts, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The index of so many random divisions of both."""
    pooled, n = training + now, int(now.sum())
    at_once = max(1, _CELLS_AT_ONCE // len(pooled))
    parts = []
    for start in range(0, draws, at_once):
        size = min(at_once, draws - start)
        drawn = rng.multivariate_hypergeometric(pooled, n, size=size)
        parts.append(stability_index(pooled - drawn, drawn))
    return np.concatenate(parts)


def stability_index(training: Counts, now: Counts) -> NDArray[np.float64]:
    """Σ (p − q) ln(p / q) over the last axis of two tables of counts."""
    p, q = (
        (counts + _PSEUDO) / (counts + _PSEUDO).sum(axis=-1, keepdims=True)
        for counts in (training, now)
    )
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def strange_finding(
    artifact: RoutingArtifact, traffic: Traffic, level: float, rng: np.random.Generator
) -> Finding:
    """The share out of distribution above that of the training queries."""
    quantile = artifact.manifest.out_of_distribution_quantile
    signal = "out_of_distribution"
    if quantile == 0:
        return untold(signal, len(traffic), "the artifact marks no query", few=False)
    n, n_train = len(traffic), int(training_counts(artifact).sum())
    marked, before = int(traffic.strange.sum()), round(quantile * n_train)
    drawn = rng.hypergeometric(
        marked + before, n + n_train - marked - before, n, size=_draws(level)
    )
    null = _null(drawn / n - (marked + before - drawn) / n_train, level)
    departure = marked / n - before / n_train
    # Of none among few, too, nothing follows: so large a share would go unseen.
    noise = max(null.quantile, math.log(1 / level) / n)
    return Finding(
        signal,
        None,
        n,
        departure,
        noise,
        STRANGE,
        verdict_of(departure, noise, STRANGE),
        f"{marked / n:.1%} of the requests, {before / n_train:.1%} at the fit",
    )


def similarity_finding(
    artifact: RoutingArtifact, traffic: Traffic, level: float
) -> Finding:
    """How far requests lie farther from their clusters (Kolmogorov–Smirnov, one-sided).

    The noise is the bound of Dvoretzky, Kiefer, Wolfowitz and Massart for both samples:
    it holds for any distribution and any size.
    """
    known = artifact.profiles.familiarity
    found = np.sort(traffic.similarity[~np.isnan(traffic.similarity)])
    if known is None or len(found) == 0:
        what = "artifact" if known is None else "usage records"
        why = f"the {what} do not tell it"
        return untold("similarity", len(found), why, few=False)
    levels, values = known.quantiles
    below = np.searchsorted(found, values, side="left") / len(found)
    departure = float(np.max(below - levels))
    n_train = int(known.cluster_size.sum())
    noise = sum(math.sqrt(math.log(2 / level) / (2 * n)) for n in (len(found), n_train))
    median = float(np.median(found))
    return Finding(
        "similarity",
        None,
        len(found),
        departure,
        noise,
        SIMILARITY,
        verdict_of(departure, noise, SIMILARITY),
        f"median {median:.2f}, {known.similarity(0.5):.2f} at the fit",
    )


def training_counts(artifact: RoutingArtifact) -> Counts:
    """Training queries in each cluster, as far as the artifact tells."""
    known = artifact.profiles.familiarity
    if known is not None:
        return known.cluster_size
    counts: Counts = artifact.profiles.count.max(axis=1).astype(np.int64)
    return counts


def _draws(level: float) -> int:
    return math.ceil(_DRAWS_PER_LEVEL / level)


def _null(drawn: NDArray[np.float64], level: float) -> _Null:
    quantile = np.quantile(drawn, 1 - level, method="higher")
    return _Null(float(drawn.mean()), float(quantile))
