"""Fitting: deterministic, on the training rows only, and honest about its data."""

import importlib.metadata
from dataclasses import replace

import numpy as np
import pytest

from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans
from artifacts.errors import BadInput
from artifacts.fit import FitConfig, Fitted, fit_artifact
from artifacts.policy import PaperPolicy
from artifacts.token_price import TokenPrice
from tests.artifacts.evaluation.split_data import two_topics
from tests.artifacts.hand_made import SPEC


def fit(seed: int = 0, **changes: object) -> Fitted:
    dataset, vectors = two_topics()
    kmeans = KMeans(n_clusters=2, n_init=2, seed=seed)
    config = FitConfig(kmeans, PaperPolicy(n_nearest_clusters=1))
    return fit_artifact(dataset, vectors, SPEC, replace(config, **changes))


@pytest.mark.parametrize("policy", [PaperPolicy(), CalibratedPolicy()])
def test_the_same_seed_gives_the_same_artifact(policy):
    first, again = fit(policy=policy), fit(policy=policy)

    assert first.artifact.artifact_id == again.artifact.artifact_id
    assert np.array_equal(first.artifact.centroids, again.artifact.centroids)


def test_faiss_for_gpus_in_the_place_of_the_other_is_no_obstacle(monkeypatch):
    installed = importlib.metadata.distribution

    def without_the_other(name: str) -> importlib.metadata.Distribution:
        if name == "faiss-cpu":
            raise importlib.metadata.PackageNotFoundError(name)
        return installed("numpy" if name == "faiss-gpu-cu12" else name)

    monkeypatch.setattr(importlib.metadata, "distribution", without_the_other)

    libraries = fit().artifact.manifest.libraries

    assert libraries.keys() == {"numpy", "faiss-gpu-cu12", "onnxruntime", "tokenizers"}


def test_another_seed_gives_another_artifact():
    first, other = fit(seed=0).artifact, fit(seed=1).artifact

    assert first.artifact_id != other.artifact_id
    assert (first.manifest.seed, other.manifest.seed) == (0, 1)


def test_profiles_rest_on_the_training_rows_alone():
    run = fit()

    assert (len(run.train), len(run.test)) == (28, 12)
    assert not set(run.train.queries) & set(run.test.queries)
    assert run.artifact.profiles.count.sum(axis=0).tolist() == [28, 28, 28]
    profiles = run.artifact.profiles
    right = (profiles.accuracy * profiles.count).sum(axis=0)
    assert right == pytest.approx(run.train.score.sum(axis=0))


def test_every_query_goes_to_the_specialist_of_its_topic():
    run = fit()
    specialist = {"code": "coder", "maths": "mathematician"}

    for name, vector in zip(run.test.datasets, run.test_vectors, strict=True):
        assert run.artifact.choose(vector, 1.0).model == specialist[name]
        assert run.artifact.choose(vector, 0.0).model == "small"


def test_the_manifest_says_what_the_artifact_rests_on():
    prices = {"small": TokenPrice(1e-6, 2e-6)}
    manifest = fit(prices=prices, sources=("r.jsonl",)).artifact.manifest

    assert manifest.provenance.digest == two_topics()[0].digest
    assert manifest.provenance.queries == {"code": 20, "maths": 20}
    assert manifest.provenance.sources == ("r.jsonl",)
    assert [entry.n_records for entry in manifest.models] == [28, 28, 28]
    assert manifest.models[2].output_usd_per_token == 2e-6
    assert manifest.models[0].input_usd_per_token is None


def test_more_clusters_than_queries_are_bad_input():
    with pytest.raises(
        BadInput, match=r"28 queries cannot make 29 clusters \(--clusters"
    ):
        fit(kmeans=KMeans(n_clusters=29))


def test_a_model_without_any_score_is_bad_input():
    dataset, vectors = two_topics()
    score = dataset.score.copy()
    score[:, 1] = np.nan
    config = FitConfig(KMeans(n_clusters=2))

    with pytest.raises(
        BadInput, match="'mathematician' has no score among the training"
    ):
        fit_artifact(replace(dataset, score=score), vectors, SPEC, config)


def test_costs_whose_sums_are_not_finite_are_bad_input():
    dataset, vectors = two_topics()
    dataset = replace(dataset, cost_usd=np.full(dataset.cost_usd.shape, 1e308))

    with pytest.raises(BadInput, match="'coder': its costs are too large"):
        fit_artifact(dataset, vectors, SPEC, FitConfig(KMeans(n_clusters=2)))


def test_a_cluster_around_the_origin_is_bad_input():
    dataset, _ = two_topics()
    opposite = np.array([[1, 0], [-1, 0]] * 20, np.float32)
    config = FitConfig(KMeans(n_clusters=1), train_fraction=1.0)

    with pytest.raises(BadInput, match="no direction"):
        fit_artifact(dataset, opposite, SPEC, config)
