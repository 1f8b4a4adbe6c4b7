"""The calibrated policy: what it learns of gaps, few rows and odd prices."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.calibrated import CalibratedPolicy
from artifacts.policy import rank
from tests.artifacts.evaluation.split_data import two_topics
from tests.artifacts.topic_router import CODER, SMALL, scored, taught


def test_gaps_are_imputed() -> None:
    dataset, vectors = two_topics()
    score, cost_usd = dataset.score.copy(), dataset.cost_usd.copy()
    score[::2, CODER] = cost_usd[::2, CODER] = np.nan
    score[:20, SMALL] = cost_usd[:20, SMALL] = np.nan
    gappy = taught(replace(dataset, score=score, cost_usd=cost_usd), vectors)

    scores = scored(gappy, vectors, 1.0)

    assert np.isfinite(scores.score).all()
    assert set(rank(scores)[5:15, 0]) == {CODER}
    np.testing.assert_allclose(scores.cost_usd[:20, SMALL], 0.001)


def test_fewer_measurements_widen_the_spread() -> None:
    dataset, vectors = two_topics()
    score = dataset.score.copy()
    score[::2, CODER] = np.nan
    gappy = taught(replace(dataset, score=score), vectors)

    scores = scored(gappy, vectors, 1.0)

    assert scores.accuracy_sd is not None
    assert scores.accuracy_sd[:, CODER].mean() > scores.accuracy_sd[:, 1].mean()


@pytest.mark.parametrize("cost", [0.0, 0.01])
def test_models_of_equal_cost_leave_nothing_to_trade(cost: float) -> None:
    dataset, vectors = two_topics()
    flat = replace(dataset, cost_usd=np.full((40, 3), cost))

    profiles, centroids = taught(flat, vectors)

    assert profiles.smoother is not None
    np.testing.assert_allclose(profiles.smoother.trade_off[20], 0.5)
    scores = scored((profiles, centroids), vectors, 1.0)
    assert set(rank(scores)[5:15, 0]) == {CODER}


def test_one_model_whose_answers_are_all_right_can_be_taught() -> None:
    dataset, vectors = two_topics()
    one = replace(dataset.with_models(["coder"]), score=np.ones((40, 1)))

    scores = scored(taught(one, vectors), vectors, 0.5, np.array([0]))

    np.testing.assert_allclose(scores.accuracy, 0.99, atol=0.02)


def test_few_queries_suffice() -> None:
    dataset, vectors = two_topics()
    rows = np.array([0, 1, 30, 31])

    scores = scored(taught(dataset.take(rows), vectors[rows]), vectors, 1.0)

    assert np.isfinite(scores.score).all()


def test_a_sharpness_that_is_given_is_kept() -> None:
    profiles, _ = taught(*two_topics(), CalibratedPolicy(sharpness=7.0))

    assert profiles.smoother is not None
    assert profiles.smoother.sharpness == 7.0


def test_a_sharpness_that_is_not_given_is_chosen() -> None:
    profiles, _ = taught(*two_topics(), CalibratedPolicy())

    assert profiles.smoother is not None
    assert profiles.smoother.sharpness in {1.0, 4.0, 16.0, 64.0}
