"""Routers that evaluation compares."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from artifacts.clustering import KMeans, unit_rows
from artifacts.evaluation.routers import (
    AuthorsCode,
    Method,
    NearestNeighbours,
    PolicyMethod,
    Training,
)
from artifacts.policy import PaperPolicy
from artifacts.profiles_fit import profile_clusters
from tests.artifacts.evaluation.split_data import N, two_topics

CODER, MATHEMATICIAN, SMALL = 0, 1, 2
METHODS = [
    PolicyMethod(PaperPolicy(n_nearest_clusters=1)),
    NearestNeighbours(k=10),
    AuthorsCode(n_nearest_clusters=1),
]


@pytest.fixture
def training() -> Training:
    dataset, vectors = two_topics()
    clustering = KMeans(n_clusters=2, n_init=2).fit(vectors)
    profiles = profile_clusters(dataset, clustering.labels, 2)
    means = clustering.means
    return Training(dataset, vectors, means, unit_rows(means), profiles)


@pytest.mark.parametrize("method", METHODS)
def test_alpha_1_takes_the_best_model_of_the_topic(
    training: Training, method: Method
) -> None:
    choices = method.fit(training).choose(training.vectors, np.ones(1))

    assert choices.tolist() == [[CODER] * (N // 2) + [MATHEMATICIAN] * (N // 2)]


@pytest.mark.parametrize("method", METHODS)
def test_alpha_0_takes_the_cheapest_model(training: Training, method: Method) -> None:
    choices = method.fit(training).choose(training.vectors, np.array([0.0, 1.0]))

    assert choices.shape == (2, N)
    assert set(choices[0].tolist()) == {SMALL}


def test_neighbours_without_a_score_do_not_count(training: Training) -> None:
    score = training.dataset.score.copy()
    score[: N // 2 : 2, MATHEMATICIAN] = np.nan
    gaps = replace(training, dataset=replace(training.dataset, score=score))

    choices = NearestNeighbours(k=10).fit(gaps).choose(gaps.vectors, np.ones(1))

    assert set(choices[0, : N // 2].tolist()) == {CODER}


def test_neighbours_of_many_queries_do_not_fill_the_memory(training: Training) -> None:
    many = np.tile(training.vectors, (2000, 1))  # 80,000 × 40 neighbours × 3 models
    router = NearestNeighbours(k=N).fit(training)
    tracemalloc.start()

    choices = router.choose(many, np.ones(1))

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 150e6
    few = router.choose(training.vectors, np.ones(1))
    assert np.array_equal(choices, np.tile(few, 2000))


def test_authors_code_keeps_places_not_distances_between_scores(
    training: Training,
) -> None:
    # Two clusters seen alike: a model that is second in both (1/2 + 1/2) loses to one
    # that is first in one by however little and last in the other (1 + 1/3).
    accuracy = np.array([[0.51, 0.0, 0.50], [0.0, 0.99, 0.50]])
    flat = np.ones_like(accuracy)
    profiles = replace(training.profiles, accuracy=accuracy, cost_usd=flat)
    means = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    halfway = unit_rows(np.array([[1.0, 1.0]], dtype=np.float32))
    alike = replace(training, profiles=profiles, means=means, centroids=means)

    choices = AuthorsCode().fit(alike).choose(halfway, np.ones(1))

    assert choices.tolist() == [[CODER]]
