"""Turning points of a cost curve."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.evaluation.averages import (
    average,
    average_by_collection,
    average_over_cost,
    elbows,
)
from artifacts.evaluation.intervals import half_width
from artifacts.evaluation.judging import evaluate
from tests.artifacts.evaluation.split_data import small_config, two_topics

ALPHA = np.linspace(0, 1, 11)


def test_elbows_are_where_cost_leaves_its_floor_and_where_it_levels_off() -> None:
    cost_usd = np.interp(ALPHA, [0, 0.4, 0.7, 1.0], [1, 1, 9, 10])

    assert elbows(ALPHA, cost_usd) == pytest.approx((0.4, 0.7))


def test_a_cost_that_keeps_rising_faster_has_one_elbow() -> None:
    cost_usd = np.interp(ALPHA, [0, 0.6, 1.0], [0, 1, 10])

    assert elbows(ALPHA, cost_usd) == pytest.approx((0.6,))


def test_neither_the_unit_nor_an_uneven_grid_moves_an_elbow() -> None:
    alpha = np.r_[np.arange(100) / 1000, np.arange(10, 101) / 100]
    cost_usd = np.interp(alpha, [0, 0.4, 0.6, 1.0], [1, 1, 9, 10])

    assert elbows(alpha, cost_usd) == pytest.approx((0.4, 0.6))
    assert elbows(alpha, 1e-6 * cost_usd) == pytest.approx((0.4, 0.6))


def test_noise_of_a_few_percent_makes_no_elbow() -> None:
    noise = np.random.default_rng(0).normal(scale=0.01, size=11)

    assert elbows(ALPHA, ALPHA + noise) == ()


@pytest.mark.parametrize("cost_usd", [np.ones(11), ALPHA, np.sqrt(ALPHA)])
def test_a_cost_without_a_floor_has_no_elbow(cost_usd: np.ndarray) -> None:
    assert elbows(ALPHA, cost_usd) == ()


def test_the_band_is_the_95_percent_interval_of_the_mean_over_the_splits() -> None:
    result = evaluate(*two_topics(), small_config(seeds=(0, 1, 2)))
    splits, part = result.splits, result.train_fraction
    values = np.stack([split.curves["paper"].accuracy for split in splits])

    curve = average(splits, "paper", part)

    np.testing.assert_allclose(curve.accuracy, values.mean(axis=0))
    assert part == 0.7
    expected = half_width(3, part) * values.std(axis=0, ddof=1)
    np.testing.assert_allclose(curve.accuracy_band, expected)


def test_accuracy_on_a_collection_is_the_mean_over_the_splits() -> None:
    splits = evaluate(*two_topics(), small_config()).splits
    singles = [split.singles["coder"] for split in splits]

    assert average_by_collection(splits, singles) == {"code": 1.0, "maths": 0.0}


def test_a_line_over_cost_does_not_depend_on_the_order_of_its_points() -> None:
    split = evaluate(*two_topics(), small_config(seeds=(0,))).splits[0]
    curve = split.curves["mix-of-two"]
    turned = replace(
        curve, cost_usd=curve.cost_usd[::-1], accuracy=curve.accuracy[::-1]
    )
    other = replace(split, curves={**split.curves, "mix-of-two": turned})

    as_they_are, turned_round = (
        average_over_cost([each], "mix-of-two") for each in (split, other)
    )

    assert np.allclose(as_they_are, turned_round)
    assert np.ptp(as_they_are[1]) > 0.1
