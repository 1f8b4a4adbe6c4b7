"""Fresh labels against what the artifact expects of them: the strongest signal."""

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors
from artifacts.dataset import RoutingDataset
from artifacts.drift.finding import Finding, Limits, untold, verdict_of
from artifacts.smoother import Values

ACCURACY = Limits(watch=0.03, refit=0.08)
_LEAST = 30  # labels of a model


def accuracy_findings(
    artifact: RoutingArtifact, fresh: RoutingDataset, vectors: Vectors, level: float
) -> Iterator[Finding]:
    """For each model that both know: mean score less mean expected accuracy.

    `vectors` are the unit rows of the fresh queries.
    """
    models = sorted(set(artifact.models) & set(fresh.models))
    if not models:
        why = "the records hold no model of the artifact"
        yield untold("accuracy", 0, why, few=False)
        return
    scores, _ = artifact.score(vectors, 1.0, models)
    for place, model in enumerate(models):
        score = fresh.score[:, fresh.models.index(model)]
        known = ~np.isnan(score)
        hoped = scores.accuracy[known, place]
        gap = score[known] - hoped
        if len(gap) < _LEAST:
            why = f"fewer than {_LEAST} labels tell it"
            yield untold("accuracy", len(gap), why, model=model)
            continue
        trained = artifact.manifest.models[artifact.column_of[model]].n_records
        variance = _variance(score[known], hoped) * (1 / len(gap) + 1 / trained)
        noise = NormalDist().inv_cdf(1 - level / len(models) / 2) * math.sqrt(variance)
        departure = abs(float(gap.mean()))
        yield Finding(
            "accuracy",
            model,
            len(gap),
            departure,
            noise,
            ACCURACY,
            verdict_of(departure, noise, ACCURACY),
            f"{score[known].mean():.1%}, expected {hoped.mean():.1%}",
        )


def _variance(score: Values, hoped: Values) -> float:
    """Of one label about what is expected of it.

    Of labels that say right or wrong, it is no less than the expectation makes it: few
    labels that are nearly all right hardly scatter, and would make the least surprise
    look certain.
    """
    seen = float((score - hoped).var(ddof=1))
    if not np.isin(score, (0.0, 1.0)).all():
        return seen
    return max(seen, float((hoped * (1 - hoped)).mean()))
