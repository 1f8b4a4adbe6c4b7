"""The smoother: its regression, its arrays, its checks."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.smoother import Smoother


@pytest.fixture
def smoother() -> Smoother:
    """One landmark at (1, 0) and two models; at the landmark z = 1 - 0.5."""
    return Smoother(
        landmarks=np.array([[1, 0]], dtype=np.float32),
        kernel_mean=np.array([0.5]),
        basis=np.array([[1.0]]),
        accuracy_mean=np.array([0.5, 0.7]),
        accuracy_weight=np.array([[0.4, -0.2]]),
        variance_mean=np.array([0.01, 0.02]),
        variance_weight=np.array([[0.04, 0.0]]),
        cost_root_mean=np.array([1.0, 1.0]),
        cost_root_weight=np.array([[2.0, -4.0]]),
        cost_scale_usd=np.array([0.001, 0.01]),
        cell_accuracy=np.array([[0.5, 0.7]]),
        trade_off=np.array([0.0, 0.2, 1.0]),
        sharpness=3.0,
        cost_unit_usd=0.005,
    )


def test_expectations_follow_the_formula(smoother: Smoother) -> None:
    vectors = np.array([[1, 0], [0, 1]], dtype=np.float32)  # κ = 1 and 1 / (1 + 3)

    expected = smoother.expect(vectors)

    np.testing.assert_allclose(expected.accuracy, [[0.7, 0.6], [0.4, 0.75]])
    np.testing.assert_allclose(expected.variance, [[0.02, 0.02], [0.0125, 0.02]])
    # roots 2 and -1 → 0.05; 0.5 and 2
    np.testing.assert_allclose(expected.cost_usd, [[0.004, 2.5e-5], [2.5e-4, 0.04]])


@pytest.mark.parametrize(
    ("alpha", "share"), [(0, 0), (0.25, 0.1), (0.5, 0.2), (0.75, 0.6), (1, 1)]
)
def test_alpha_maps_to_the_weight_of_accuracy(smoother, alpha, share) -> None:
    assert smoother.accuracy_share(alpha) == pytest.approx(share)


def test_arrays_lead_back_to_the_smoother(smoother: Smoother) -> None:
    again = Smoother.from_arrays(smoother.arrays())

    assert again.sharpness == 3.0
    for name, array in smoother.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("accuracy_mean", np.array([0.5]), "kernel_mean|cell_accuracy|shape"),
        ("accuracy_weight", np.array([[np.nan, 0.0]]), "accuracy_weight: not finite"),
        ("trade_off", np.array([0.0, 0.6, 0.5, 1.0]), "trade_off: must rise"),
        ("cost_unit_usd", 0.0, "cost_unit_usd: must be positive"),
    ],
)
def test_broken_arrays_are_refused(smoother, field, value, what) -> None:
    with pytest.raises(ValueError, match=what):
        replace(smoother, **{field: value})
