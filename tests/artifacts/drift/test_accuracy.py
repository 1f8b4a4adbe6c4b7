"""Fresh labels: how sure it must be that a model is not what it was."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors
from artifacts.dataset import RoutingDataset
from artifacts.drift.accuracy import accuracy_findings
from artifacts.drift.finding import Finding
from artifacts.store import load
from tests.artifacts.hand_made import bundled

ARTIFACT = load(bundled())


def expected(model: str, vectors: Vectors) -> np.ndarray:
    return ARTIFACT.score(vectors, 1.0, [model])[0].accuracy[:, 0]


def easy(n: int) -> tuple[str, Vectors]:
    """A model, and as many queries of which it is expected to get nine of ten right."""
    table = ARTIFACT.score(ARTIFACT.centroids, 1.0)[0].accuracy
    cluster, column = divmod(int(np.abs(table - 0.9).argmin()), table.shape[1])
    return ARTIFACT.models[column], np.repeat(ARTIFACT.centroids[[cluster]], n, axis=0)


def labelled(models: tuple[str, ...], score: np.ndarray) -> RoutingDataset:
    """The same score for each of the models."""
    n = len(score)
    unknown = np.full((n, len(models)), np.nan)
    return RoutingDataset(
        queries=tuple(map(str, range(n))),
        datasets=("d",) * n,
        models=models,
        score=np.repeat(score[:, None], len(models), axis=1),
        cost_usd=unknown,
        prompt_tokens=unknown,
        completion_tokens=unknown,
    )


def judged(model: str, vectors: Vectors, score: np.ndarray, level: float) -> Finding:
    fresh = labelled((model,), score)
    finding, *_ = accuracy_findings(ARTIFACT, fresh, vectors, level)
    return finding


def test_that_all_of_thirty_are_right_is_no_surprise_where_nine_of_ten_should_be():
    model, vectors = easy(30)
    finding = judged(model, vectors, np.ones(30), 0.01 / 6)

    assert finding.departure == pytest.approx(0.1, abs=0.01)
    assert finding.verdict == "few"


@pytest.mark.parametrize("n", [30, 60, 200])
def test_labels_as_expected_are_rarely_taken_for_a_change(n):
    level, runs, rng = 0.05, 400, np.random.default_rng(0)
    model, vectors = easy(n)
    share = expected(model, vectors)
    alarms = sum(
        judged(
            model, vectors, (rng.uniform(size=n) < share).astype(float), level
        ).verdict
        in ("watch", "refit")
        for _ in range(runs)
    )

    # At most 20 are expected; beyond 33 lie 3 standard deviations more.
    assert alarms <= 33


def test_a_model_that_became_worse_is_told_from_sixty_labels():
    model, vectors = easy(60)

    assert judged(model, vectors, np.arange(60) % 2.0, 0.01 / 6).verdict == "refit"


def test_labels_in_parts_scatter_as_they_do():
    model, vectors = easy(30)
    score = np.full(30, 0.8) + np.tile([0.01, -0.01], 15)

    assert judged(model, vectors, score, 0.01 / 6).verdict == "refit"


def noise(
    model: str,
    *beside: str,
    vectors: Vectors,
    artifact: RoutingArtifact = ARTIFACT,
) -> float:
    score = np.arange(len(vectors)) % 2.0
    fresh = labelled(tuple(sorted((model, *beside))), score)
    findings = accuracy_findings(artifact, fresh, vectors, 0.01)
    of_it = ("accuracy", model)
    (found,) = (f.noise for f in findings if (f.signal, f.model) == of_it)
    assert found is not None
    return found


def known_from(n: int) -> RoutingArtifact:
    """So many training queries in each cluster."""
    count = np.full_like(ARTIFACT.profiles.count, n)
    return replace(ARTIFACT, profiles=replace(ARTIFACT.profiles, count=count))


def test_an_artifact_that_knows_a_cluster_from_few_records_is_less_sure():
    model, vectors = easy(60)

    # Sixty training queries scatter as much as the sixty labels.
    sure = noise(model, vectors=vectors, artifact=known_from(10**9))
    unsure = noise(model, vectors=vectors, artifact=known_from(60))
    assert unsure / sure == pytest.approx(2**0.5)


def test_the_more_models_are_looked_at_the_less_one_of_them_says():
    model, vectors = easy(60)
    others = tuple(name for name in ARTIFACT.models if name != model)[:5]

    alone = noise(model, vectors=vectors)
    assert noise(model, *others, vectors=vectors) > 1.1 * alone
