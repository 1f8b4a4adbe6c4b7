"""Two checkouts side by side: each sample is compared with that beside it."""

import math

import pytest

from scripts.overhead.beside import ratios


def test_a_machine_that_slows_down_changes_no_ratio():
    other = [1.0, 2.0, 4.0, 8.0]
    this = [1.1 * value for value in other]

    assert ratios(this, other) == pytest.approx((1.1, 1.1, 1.1))


def test_quartiles_are_of_the_pairs():
    assert ratios([1, 2, 3, 4, 5], [1] * 5) == (2, 3, 4)


def test_one_pair_is_its_own_quartiles():
    assert ratios([3.0], [2.0]) == (1.5, 1.5, 1.5)


def test_a_sample_without_an_answer_is_no_pair():
    assert ratios([math.nan, 3.0, 2.0], [1.0, 2.0, 0.0]) == (1.5, 1.5, 1.5)
    assert ratios([math.nan], [1.0]) == ()
