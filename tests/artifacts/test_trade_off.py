"""How α is laid out over the trade between accuracy and cost."""

import numpy as np
import pytest

from artifacts.trade_off import N_KNOTS, cost_unit, even_spending


def spent(accuracy, cost_usd, weight, unit) -> float:
    choice = (weight * accuracy - (1 - weight) * cost_usd / unit).argmax(axis=1)
    return float(cost_usd[np.arange(len(choice)), choice].mean())


@pytest.mark.parametrize("knot", [10, 20, 30])
def test_spending_rises_evenly_on_a_log_scale(knot: int) -> None:
    rng = np.random.default_rng(0)
    accuracy = rng.uniform(0, 1, (4000, 6))
    cost_usd = np.tile(np.geomspace(1e-5, 1e-2, 6), (4000, 1))
    unit = cost_unit(cost_usd)
    dearest = spent(accuracy, cost_usd, 1.0, unit)

    weights = even_spending(accuracy, cost_usd, unit)

    middle = spent(accuracy, cost_usd, weights[knot], unit)
    expected = 1e-5 * (dearest / 1e-5) ** (knot / (N_KNOTS - 1))
    assert middle == pytest.approx(expected, rel=0.1)


def test_weights_rise_from_0_to_1_where_every_query_switches_at_once() -> None:
    accuracy = np.tile([0.5, 0.9], (10, 1))
    cost_usd = np.tile([0.001, 0.1], (10, 1))

    weights = even_spending(accuracy, cost_usd, 0.05)

    assert (weights[0], weights[-1]) == (0.0, 1.0)
    assert np.all(np.diff(weights) >= 0)
    # one more right answer costs 0.099 / 0.4 = 0.2475, or 4.95 units
    assert weights[20] == pytest.approx(4.95 / 5.95, rel=0.01)


def test_a_free_model_has_a_place_on_the_scale() -> None:
    accuracy = np.random.default_rng(0).uniform(0, 1, (500, 3))
    cost_usd = np.tile([0.0, 0.001, 0.1], (500, 1))

    weights = even_spending(accuracy, cost_usd, cost_unit(cost_usd))

    assert np.all(np.diff(weights) >= 0)
    assert np.isfinite(weights).all()


@pytest.mark.parametrize(
    ("cost_usd", "unit"), [([0.0, 0.0], 1.0), ([0, 0, 3.0], 3.0), ([1, 2, 9.0], 2.0)]
)
def test_the_cost_unit_is_the_median_model_unless_that_is_free(cost_usd, unit) -> None:
    assert cost_unit(np.array([cost_usd, cost_usd])) == unit
