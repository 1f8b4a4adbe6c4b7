"""95 % intervals over splits."""

import math

import numpy as np
import pytest

from artifacts.evaluation.intervals import half_width, paired_interval, t_quantile


@pytest.mark.parametrize(
    ("freedom", "expected"),
    # From printed tables of Student's t, two-sided 95 %.
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (60, 2.0)],
)
def test_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert t_quantile(freedom) == pytest.approx(expected, abs=6e-4)


def test_the_interval_of_a_mean_narrows_with_the_root_of_the_splits() -> None:
    assert half_width(10) == pytest.approx(2.262 / math.sqrt(10), abs=1e-3)
    assert half_width(10, 0.7) == pytest.approx(2.262 * math.sqrt(1 / 10 + 3 / 7), 1e-3)
    assert math.isnan(half_width(1))


def test_the_interval_of_a_mean_holds_it_in_95_of_100_cases() -> None:
    samples = np.random.default_rng(0).normal(size=(20_000, 5))

    misses = np.abs(samples.mean(axis=1)) > half_width(5) * samples.std(axis=1, ddof=1)

    assert misses.mean() == pytest.approx(0.05, abs=0.005)


def test_paired_intervals_allow_for_rows_that_splits_share() -> None:
    low, high = paired_interval([1.0, 3.0], 0.7) or (0.0, 0.0)

    half = 12.706 * math.sqrt(2) * math.sqrt(1 / 2 + 3 / 7)
    assert (low + high) / 2 == pytest.approx(2.0)
    assert (high - low) / 2 == pytest.approx(half, rel=1e-4)


def test_one_difference_has_no_interval() -> None:
    assert paired_interval([1.0], 0.7) is None
