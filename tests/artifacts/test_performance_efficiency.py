"""The paper's x, and what a USD more takes from it."""

import numpy as np
import pytest

from artifacts.performance_efficiency import (
    efficiency_per_usd,
    min_max,
    performance_efficiency,
)


def test_equal_values_scale_to_the_flat_value():
    same = np.array([[3.0, 3.0]])

    assert min_max(same, flat=1.0).tolist() == [[1, 1]]
    both = np.stack([same, same], axis=1)
    assert performance_efficiency(both, 0.3).tolist() == [[1, 1]]


def test_rounding_is_no_difference():
    """A mean of the same costs, summed in another order, may end in other digits."""
    accuracy, cost_usd = [0.9, 0.6], [0.01, 0.01 * (1 - 2**-52)]
    cells = np.array([[accuracy, cost_usd]])

    assert cells[0, 1, 0] > cells[0, 1, 1]
    assert performance_efficiency(cells, 0.3).tolist() == [[1, 0.7]]
    assert efficiency_per_usd(cells[:, 1], 0.3) == 0


def test_a_small_difference_that_is_none_of_rounding_counts_in_full():
    assert min_max(np.array([[1.0, 1.000001]]), flat=0.5).tolist() == [[0, 1]]


def test_a_usd_more_lowers_x_as_it_is_told():
    """Of a candidate that is neither the cheapest nor the dearest: they scale it."""
    cost_usd = np.array([[0.01, 0.002, 0.004], [0.03, 0.01, 0.02]])
    dearer = cost_usd + np.array([0, 0, 0.001])

    def x(costs: np.ndarray) -> float:
        cells = np.stack([np.ones_like(costs), costs], axis=1)
        return performance_efficiency(cells, 0.3)[:, 2].sum()

    told = efficiency_per_usd(cost_usd, 0.3)
    assert told == pytest.approx(0.7 / 0.008 + 0.7 / 0.02)
    assert x(cost_usd) - x(dearer) == pytest.approx(told * 0.001)


def test_a_usd_is_worth_nothing_where_all_cost_the_same():
    assert efficiency_per_usd(np.full((2, 3), 0.5), 0.3) == 0
