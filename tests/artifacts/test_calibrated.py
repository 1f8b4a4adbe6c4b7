"""The calibrated policy: how it decides."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import arrays_of, profiles_of
from artifacts.calibrated import CalibratedPolicy
from artifacts.policy import PaperPolicy, rank
from tests.artifacts.evaluation.split_data import two_topics
from tests.artifacts.topic_router import (
    CODER,
    MATHEMATICIAN,
    SMALL,
    Taught,
    scored,
    taught,
)


@pytest.fixture(scope="module")
def trained() -> Taught:
    return taught(*two_topics())


@pytest.mark.parametrize(("row", "best"), [(5, CODER), (30, MATHEMATICIAN)])
def test_alpha_1_takes_the_best_model_of_the_topic(trained, row, best) -> None:
    vectors = two_topics()[1][[row]]

    scores = scored(trained, vectors, 1.0)

    assert rank(scores)[0, 0] == best
    assert scores.accuracy[0, best] > 0.85


def test_alpha_0_takes_the_cheapest_model(trained) -> None:
    scores = scored(trained, two_topics()[1], 0.0)

    assert set(rank(scores)[:, 0]) == {SMALL}
    np.testing.assert_allclose(scores.cost_usd[:, SMALL], 0.001)


def test_an_excluded_model_is_not_chosen_and_changes_no_expectation(trained) -> None:
    vectors = two_topics()[1]
    some = np.array([MATHEMATICIAN, SMALL])

    masked, full = scored(trained, vectors, 1.0, some), scored(trained, vectors, 1.0)

    assert masked.score.shape == (40, 2)
    np.testing.assert_array_equal(masked.accuracy, full.accuracy[:, some])
    np.testing.assert_array_equal(masked.cost_usd, full.cost_usd[:, some])
    assert masked.accuracy_sd is not None
    assert full.accuracy_sd is not None
    np.testing.assert_array_equal(masked.accuracy_sd, full.accuracy_sd[:, some])


def test_expectations_are_probabilities_with_a_spread(trained) -> None:
    scores = scored(trained, two_topics()[1], 0.5)

    assert scores.accuracy_sd is not None
    assert scores.accuracy.min() >= 0
    assert scores.accuracy.max() <= 1
    assert scores.accuracy_sd.min() >= 0
    assert scores.accuracy_sd.max() < 0.5


@pytest.mark.parametrize(("shift", "bound"), [(2.0, 1.0), (-2.0, 0.0)])
def test_an_expectation_beyond_any_score_is_confined(trained, shift, bound) -> None:
    profiles, centroids = trained
    assert profiles.smoother is not None
    moved = profiles.smoother.accuracy_mean + shift
    smoother = replace(profiles.smoother, accuracy_mean=moved)
    beyond = replace(profiles, smoother=smoother), centroids

    assert set(scored(beyond, two_topics()[1], 0.5).accuracy.ravel()) == {bound}


def test_a_dollar_weighs_as_its_share_says_and_nothing_at_alpha_1(trained) -> None:
    profiles, _ = trained
    assert profiles.smoother is not None
    clusters, columns = np.array([0]), np.array([0, 1, 2])
    weights = [
        CalibratedPolicy().score_per_usd(profiles, clusters, alpha, columns)
        for alpha in (0.0, 1.0)
    ]

    assert weights == [1 / profiles.smoother.cost_unit_usd, 0.0]


def test_the_arrays_of_an_artifact_hold_what_was_taught(trained) -> None:
    profiles, centroids = trained
    vectors = two_topics()[1]

    again = profiles_of(arrays_of(centroids, profiles)), centroids

    before, after = scored(trained, vectors, 0.3), scored(again, vectors, 0.3)
    np.testing.assert_array_equal(after.score, before.score)


def test_one_row_is_decided_as_within_a_batch(trained) -> None:
    vectors = two_topics()[1]
    batch = scored(trained, vectors, 0.7)

    for row in range(len(vectors)):
        alone = scored(trained, vectors[[row]], 0.7)
        np.testing.assert_allclose(alone.score[0], batch.score[row], rtol=1e-5)
        assert rank(alone)[0, 0] == rank(batch)[row, 0]


@pytest.mark.parametrize("seed", range(20))
def test_expected_cost_never_falls_as_alpha_rises(trained, seed) -> None:
    profiles, centroids = random_tables(trained, np.random.default_rng(seed))
    vectors = two_topics()[1]
    before = np.zeros(len(vectors))

    for alpha in np.linspace(0, 1, 101).tolist():
        scores = scored((profiles, centroids), vectors, alpha)
        first = rank(scores)[:, :1]
        cost_usd = np.take_along_axis(scores.cost_usd, first, axis=1)[:, 0]
        assert np.all(cost_usd >= before)
        before = cost_usd


def random_tables(trained, rng):
    """The same clusters and landmarks with made-up models."""
    profiles, centroids = trained
    old = profiles.smoother
    made_up = replace(
        old,
        accuracy_mean=rng.uniform(0, 1, 3),
        accuracy_weight=rng.normal(0, 1, old.accuracy_weight.shape),
        cost_root_weight=rng.normal(0, 1, old.cost_root_weight.shape),
        cost_scale_usd=10.0 ** rng.uniform(-6, -1, 3),
        trade_off=np.r_[0, np.sort(rng.uniform(0, 1, 9)), 1],
        cost_unit_usd=10.0 ** rng.uniform(-6, -1),
    )
    return replace(profiles, smoother=made_up), centroids


def test_profiles_of_another_policy_are_refused(trained) -> None:
    profiles, centroids = trained
    dataset, vectors = two_topics()
    plain = PaperPolicy().learn(
        replace(profiles, smoother=None), dataset, vectors, centroids
    )

    with pytest.raises(ValueError, match="lack what the calibrated policy learns"):
        scored((plain, centroids), vectors, 0.5)
