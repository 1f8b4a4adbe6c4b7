"""Fresh labels against what the artifact expects of them: the strongest signal."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors
from artifacts.dataset import RoutingDataset
from artifacts.drift.cluster_accuracy import cluster_finding
from artifacts.drift.finding import Finding, Limits, untold, verdict_of
from artifacts.smoother import Values

ACCURACY = Limits(watch=0.03, refit=0.08)
_LEAST = 30  # labels of a model


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """One model's n labels, each of a query of which the artifact knows something.

    `cell` (n,): whose profile that is, a cluster's; k: that of all training queries,
    which decides for what is out of distribution. `trained` (n,): of how many queries.
    """

    model: str
    score: Values
    hoped: Values  # accuracy that the artifact expects of the query
    cell: NDArray[np.intp]
    trained: NDArray[np.int64]
    n_unmeasured: int  # further labels, in clusters in which the model was not measured


def accuracy_findings(
    artifact: RoutingArtifact, fresh: RoutingDataset, vectors: Vectors, level: float
) -> Iterator[Finding]:
    """For each model that both know: mean score less mean expected accuracy, and the
    one cluster in which it departs most. Half of the `level` is for either.

    `vectors` are the unit rows of the fresh queries.
    """
    models = sorted(set(artifact.models) & set(fresh.models))
    if not models:
        why = "the records hold no model of the artifact"
        yield untold("accuracy", 0, why, few=False)
        return
    each = level / 2 / len(models)
    for labels in _labels(artifact, fresh, vectors, models):
        yield _finding(labels, each)
        column = artifact.column_of[labels.model]
        cells = (
            artifact.profiles.accuracy[:, column],
            artifact.profiles.count[:, column],
        )
        finding = cluster_finding(
            labels.model, (labels.score, labels.cell), cells, each
        )
        if finding is not None:
            yield finding


def _labels(
    artifact: RoutingArtifact,
    fresh: RoutingDataset,
    vectors: Vectors,
    models: list[str],
) -> Iterator[_Labels]:
    scores, columns = artifact.score(vectors, 1.0, models)
    near, count = artifact.neighbours(vectors), artifact.profiles.count
    strange = near.similarity[:, 0] < artifact.least_similarity
    cell = np.where(strange, len(count), near.clusters[:, 0])
    for place, (model, column) in enumerate(zip(models, columns, strict=True)):
        score = fresh.score[:, fresh.models.index(model)]
        trained = np.append(count[:, column], count[:, column].sum())[cell]
        known = ~np.isnan(score)
        told = known & (trained > 0)
        yield _Labels(
            model,
            score[told],
            scores.accuracy[told, place],
            cell[told],
            trained[told],
            n_unmeasured=int((known & (trained == 0)).sum()),
        )


def _finding(labels: _Labels, level: float) -> Finding:
    score, hoped, n = labels.score, labels.hoped, len(labels.score)
    apart = ""
    if labels.n_unmeasured:
        apart = f"; {labels.n_unmeasured:,} where it was never measured left out"
    if n < _LEAST:
        why = f"fewer than {_LEAST} labels tell it{apart}"
        return untold("accuracy", n, why, model=labels.model)
    departure = abs(float((score - hoped).mean()))
    noise = NormalDist().inv_cdf(1 - level / 2) * math.sqrt(_variance(labels))
    return Finding(
        "accuracy",
        labels.model,
        n,
        departure,
        noise,
        ACCURACY,
        verdict_of(departure, noise, ACCURACY),
        f"{score.mean():.1%}, expected {hoped.mean():.1%}{apart}",
    )


def _variance(labels: _Labels) -> float:
    """Of the mean of labels less what is expected: Σ_c s_c (1 + n_c / t_c) / n².

    s_c is the sum of squares of the n_c labels of a cell. What the artifact expects
    there it knows from t_c training queries, which scattered alike: labels of a rare
    cluster are held against few. Of labels that say right or wrong, s_c is no less than
    the expectation makes it: few labels that are nearly all right hardly scatter, and
    would make the least surprise look certain.
    """
    gap, n = labels.score - labels.hoped, len(labels.score)
    weight = 1 + np.bincount(labels.cell)[labels.cell] / labels.trained
    seen = float((weight * (gap - gap.mean()) ** 2).sum()) / (n - 1) / n
    if not np.isin(labels.score, (0.0, 1.0)).all():
        return seen
    return max(seen, float((weight * labels.hoped * (1 - labels.hoped)).sum()) / n**2)
