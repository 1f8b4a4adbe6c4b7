"""Methods that do not look at the query, and the oracle."""

import numpy as np
import pytest

from artifacts.dataset import RoutingDataset
from artifacts.evaluation.baselines import (
    ModelMeans,
    baseline_curves,
    means_of_profiles,
    means_of_training,
    mix_of_two,
    oracle,
    single_curves,
)
from artifacts.evaluation.curves import HeldOut, held_out
from artifacts.profiles_fit import profile_clusters

NAN = float("nan")


def records(score: list[list[float]], cost: list[list[float]]) -> RoutingDataset:
    unknown = np.full(np.shape(score), NAN)
    return RoutingDataset(
        queries=tuple(f"query {row}" for row in range(len(score))),
        datasets=("code",) * len(score),
        models=("best", "fair", "poor"),
        score=np.array(score),
        cost_usd=np.array(cost),
        prompt_tokens=unknown,
        completion_tokens=unknown,
    )


@pytest.fixture
def test_rows() -> HeldOut:
    score = [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    return held_out(records(score, [[10.0, 4.0, 1.0]] * 4))


TRAIN_MEANS = ModelMeans(np.array([0.9, 0.6, 0.3]), np.array([10.0, 4.0, 1.0]))


def test_best_single_is_chosen_by_training_rows_not_by_held_out_ones(
    test_rows: HeldOut,
) -> None:
    misleading = ModelMeans(np.array([0.5, 0.6, 0.3]), np.array([10.0, 4.0, 1.0]))

    curve = baseline_curves(test_rows, misleading)["best-single"]

    assert curve.share.tolist() == [[0, 1, 0]]
    assert curve.accuracy.tolist() == [0.5]


def test_ties_for_the_best_go_to_the_cheaper_model() -> None:
    assert ModelMeans(np.array([0.5, 0.5]), np.array([2.0, 1.0])).best == 1


def test_ties_for_the_cheapest_go_to_the_better_model() -> None:
    assert ModelMeans(np.array([0.5, 0.6]), np.array([1.0, 1.0])).cheapest == 1


def test_what_differs_by_rounding_is_a_tie() -> None:
    more = 0.1 + 0.2  # than 0.3
    assert ModelMeans(np.array([more, 0.3]), np.array([2.0, 1.0])).best == 1
    assert ModelMeans(np.array([0.5, 0.6]), np.array([0.3, more])).cheapest == 1


def test_each_single_model_is_a_curve_of_one_point(test_rows: HeldOut) -> None:
    curves = single_curves(test_rows)

    assert list(curves) == ["best", "fair", "poor"]
    assert curves["fair"].accuracy.tolist() == [0.5]
    assert curves["fair"].cost_usd.tolist() == [4]


def test_random_is_the_mean_of_all_models(test_rows: HeldOut) -> None:
    curve = baseline_curves(test_rows, TRAIN_MEANS)["random"]

    np.testing.assert_allclose(curve.accuracy, [(0.75 + 0.5 + 0.25) / 3])
    np.testing.assert_allclose(curve.cost_usd, [5])


def test_oracle_takes_the_cheapest_model_that_is_right(test_rows: HeldOut) -> None:
    curve = oracle(test_rows)

    assert curve.accuracy.tolist() == [0.75]
    assert curve.cost_usd.tolist() == [(1 + 4 + 10 + 1) / 4]


def test_mix_of_two_walks_from_the_cheapest_to_the_best(test_rows: HeldOut) -> None:
    curve = mix_of_two(test_rows, TRAIN_MEANS)

    assert (curve.accuracy[0], curve.cost_usd[0]) == (0.25, 1)
    assert (curve.accuracy[-1], curve.cost_usd[-1]) == (0.75, 10)
    assert ((curve.share > 0).sum(axis=1) <= 2).all()
    np.testing.assert_allclose(curve.share.sum(axis=1), 1)


def test_mix_of_two_skips_models_under_the_hull_of_the_training_rows(
    test_rows: HeldOut,
) -> None:
    means = ModelMeans(np.array([0.9, 0.4, 0.3]), np.array([10.0, 9.0, 1.0]))

    assert mix_of_two(test_rows, means).share[:, 1].max() == 0


def test_mix_of_two_is_one_point_where_one_model_beats_all(test_rows: HeldOut) -> None:
    means = ModelMeans(np.array([0.9, 0.4, 0.3]), np.array([1.0, 9.0, 2.0]))

    assert mix_of_two(test_rows, means).share.tolist() == [[1, 0, 0]]


def test_as_many_right_answers_in_other_clusters_are_a_tie() -> None:
    score = [[1.0, 0.0, 0.0], *[[0.0, 0.0, 0.0]] * 3, [0.0, 1.0, 0.0]]
    train = records(score, [[3.0, 1.0, 9.0]] * 5)
    labels = np.array([0, 0, 1, 1, 1], dtype=np.intp)

    profiles = profile_clusters(train, labels, 2)

    assert means_of_training(train, profiles).best == 1
    assert means_of_profiles(profiles).best == 1


TWO_CLUSTERS = np.array([0, 1, 1], dtype=np.intp)


def test_means_of_an_artifact_are_those_of_its_training_records() -> None:
    score = [[1.0, 0.0, 0.5], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    cost = [[3.0, 1.0, 6.0], [5.0, 2.0, 4.0], [7.0, 3.0, 2.0]]
    train = records(score, cost)

    profiles = profile_clusters(train, TWO_CLUSTERS, 3)

    expected, means = means_of_training(train, profiles), means_of_profiles(profiles)
    np.testing.assert_allclose(means.accuracy, expected.accuracy)
    np.testing.assert_allclose(means.cost_usd, expected.cost_usd)
    np.testing.assert_allclose(means.cost_usd, [5, 2, 4])


def test_a_model_that_was_measured_on_easy_queries_only_is_not_the_best() -> None:
    easy, hard = [[0.9, 0.5, 0.7]] * 10, [[0.3, 0.1, NAN]] * 10
    cost = [[2.0, 1.0, 2.0]] * 10 + [[2.0, 1.0, NAN]] * 10
    train = records(easy + hard, cost)
    profiles = profile_clusters(train, np.repeat([0, 1], 10), 2)

    means = means_of_training(train, profiles)

    assert means.best == 0
    assert means.accuracy[2] < 0.6
