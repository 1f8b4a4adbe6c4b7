"""The paper's formula, by hand and against a second implementation on real records."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import KMeans, unit_rows
from artifacts.dataset import RoutingDataset
from artifacts.encoder_spec import EncoderSpec
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy, Scores, rank
from artifacts.records import RecordReader
from tests.artifacts.hand_made import SPEC

DATA = Path(os.environ.get("AVENGERS_DATA", "../shared/data"))
NAN = np.nan


def spec(dimension: int) -> EncoderSpec:
    return SPEC.model_copy(update={"dimension": dimension})


def fitted(score, cost, vectors, *, k: int, p: int) -> RoutingArtifact:
    n, m = np.shape(score)
    unknown = np.full((n, m), NAN)
    dataset = RoutingDataset(
        queries=tuple(f"q{i}" for i in range(n)),
        datasets=("d",) * n,
        models=tuple("abc"[:m]),
        score=np.array(score, float),
        cost_usd=np.array(cost, float),
        prompt_tokens=unknown,
        completion_tokens=unknown,
    )
    config = FitConfig(
        kmeans=KMeans(n_clusters=k, n_init=3),
        policy=PaperPolicy(n_nearest_clusters=p),
        train_fraction=1.0,
    )
    rows = unit_rows(np.array(vectors, np.float32))
    return fit_artifact(dataset, rows, spec(rows.shape[1]), config).artifact


# Two queries near each axis. East: a 0.5, b 1, c 0; north: a 1, b 0.5, c 0.
SCORES = [[1, 1, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]]
COSTS = [[2, 4, 1], [2, 4, 1], [2, 4, 1], [2, 4, 1]]
VECTORS = [[1, 0.1], [1, -0.1], [0.1, 1], [-0.1, 1]]


def test_the_sum_over_both_clusters_by_hand():
    artifact = fitted(SCORES, COSTS, VECTORS, k=2, p=2)
    east = np.array([1, 0], np.float32)

    decision = artifact.choose(east, 0.5)

    # p̃: a 0.5 and 1, b 1 and 0.5, c 0; q̃: a 1/3, b 1, c 0 in both clusters.
    expected = {"a": 0.75 + 2 / 3, "b": 0.75, "c": 1.0}
    assert dict(zip(decision.ranking, decision.scores, strict=True)) == pytest.approx(
        expected
    )
    assert decision.model == "a"
    assert decision.expected_cost_usd[0] == 2


@pytest.mark.parametrize(("alpha", "model"), [(0.0, "c"), (1.0, "b")])
def test_alpha_0_is_cheapest_and_1_is_best(alpha, model):
    artifact = fitted(SCORES, COSTS, VECTORS, k=2, p=1)

    assert artifact.choose(np.array([1, 0], np.float32), alpha).model == model


@pytest.mark.parametrize(
    ("costs", "ranking"),
    [([[3, 2, 2]] * 4, ("b", "c", "a")), ([[1, 1, 1]] * 4, ("a", "b", "c"))],
)
def test_ties_go_to_the_cheaper_model_then_by_name(costs, ranking):
    artifact = fitted([[1, 1, 1]] * 4, costs, VECTORS, k=2, p=2)

    assert artifact.choose(np.array([1, 0], np.float32), 1.0).ranking == ranking


def test_a_difference_of_rounding_is_a_tie():
    score = np.array([[0.1 + 0.2, 0.3]])
    cost_usd = np.array([[2.0, 1.0]])

    assert score[0, 0] != score[0, 1]
    assert rank(Scores(score, score, cost_usd)).tolist() == [[1, 0]]


def test_scaling_is_over_the_candidates_only():
    artifact = fitted(SCORES, COSTS, VECTORS, k=2, p=1)

    decision = artifact.choose(np.array([1, 0], np.float32), 0.5, ["a", "b"])

    assert decision.ranking == ("a", "b")
    assert decision.scores == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_outside_its_range_is_refused(alpha):
    artifact = fitted(SCORES, COSTS, VECTORS, k=2, p=1)

    with pytest.raises(ValueError, match="alpha"):
        artifact.choose(np.array([1, 0], np.float32), alpha)


def bag_of_trigrams(text: str) -> np.ndarray:
    row = np.zeros(64)
    for i in range(len(text) - 2):
        digest = hashlib.blake2b(text[i : i + 3].encode(), digest_size=2).digest()
        row[int.from_bytes(digest) % 64] += 1
    return row


def reference(artifact: RoutingArtifact, vector, alpha: float) -> str:
    """The paper's decision, written a second time, without our code."""
    table, cost = artifact.profiles.accuracy, artifact.profiles.cost_usd
    nearest = sorted(
        range(len(artifact.centroids)),
        key=lambda j: -float(np.dot(artifact.centroids[j], vector)),
    )[:3]
    total = dict.fromkeys(artifact.models, 0.0)
    spent = dict.fromkeys(artifact.models, 0.0)
    for j in nearest:
        low_p, high_p = min(table[j]), max(table[j])
        low_q, high_q = min(cost[j]), max(cost[j])
        for i, model in enumerate(artifact.models):
            p = (table[j, i] - low_p) / (high_p - low_p) if high_p > low_p else 1.0
            q = (cost[j, i] - low_q) / (high_q - low_q) if high_q > low_q else 0.0
            total[model] += alpha * p + (1 - alpha) * (1 - q)
            spent[model] += cost[j, i]
    return min(total, key=lambda m: (-round(total[m], 12), spent[m], m))


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_real_records_are_decided_as_the_reference_decides(alpha):
    file = DATA / "zeroeval.jsonl.xz"
    if not file.exists():
        pytest.skip(f"{file} is absent; AVENGERS_DATA names the folder of the records")
    dataset = RecordReader().read([file])
    rows = np.array([bag_of_trigrams(query) for query in dataset.queries], np.float32)
    config = FitConfig(
        kmeans=KMeans(n_init=1, n_iter=10),
        policy=PaperPolicy(),
        out_of_distribution_quantile=0,  # the paper knows no such thing
    )
    run = fit_artifact(dataset, unit_rows(rows), spec(64), config)

    for vector in run.test_vectors:
        theirs = reference(run.artifact, vector, alpha)
        assert run.artifact.choose(vector, alpha).model == theirs
