"""Turning points of a cost curve."""

import numpy as np
import pytest

from artifacts.evaluation.averages import elbows

ALPHA = np.linspace(0, 1, 11)


def test_elbows_are_where_cost_leaves_its_floor_and_where_it_levels_off() -> None:
    cost_usd = np.interp(ALPHA, [0, 0.4, 0.7, 1.0], [1, 1, 9, 10])

    assert elbows(ALPHA, cost_usd) == pytest.approx((0.4, 0.7))


def test_a_cost_that_keeps_rising_faster_has_one_elbow() -> None:
    cost_usd = np.interp(ALPHA, [0, 0.6, 1.0], [0, 1, 10])

    assert elbows(ALPHA, cost_usd) == pytest.approx((0.6,))


@pytest.mark.parametrize("cost_usd", [np.ones(11), np.sqrt(ALPHA)])
def test_a_cost_without_a_floor_has_no_elbow(cost_usd: np.ndarray) -> None:
    assert elbows(ALPHA, cost_usd) == ()
