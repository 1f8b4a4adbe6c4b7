"""The smoother: its regression, its arrays, its checks."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.clustering import unit_rows
from artifacts.smoother import Smoother
from artifacts.smoother_fit import find_directions, regress


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


def test_signal_is_learnt_and_noise_is_shrunk_away() -> None:
    rng = np.random.default_rng(0)
    vectors = unit_rows(rng.normal(size=(600, 3)).astype(np.float32))
    signal = np.sign(vectors[:, 0]) * 0.3
    noise = rng.normal(0, 0.3, (600, 2))
    values = 0.5 + np.column_stack([signal + 0.1 * noise[:, 0], noise[:, 1]])
    directions = find_directions(vectors, n_landmarks=40, sharpness=16, seed=0)

    fitted = regress(directions, values).fitted(directions) - 0.5

    assert np.corrcoef(fitted[:, 0], signal)[0, 1] > 0.9
    assert fitted[:, 1].std() < 0.2 * noise[:, 1].std()


def test_the_posterior_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    vectors = unit_rows(rng.normal(size=(800, 4)).astype(np.float32))
    truth = 0.5 + 0.3 * vectors[:, :1]
    values = (rng.uniform(size=(800, 1)) < truth).astype(float)
    directions = find_directions(vectors, n_landmarks=40, sharpness=16, seed=0)

    fit = regress(directions, values)

    z = directions.u * directions.singular
    sd = np.sqrt(fit.variance_mean + z**2 @ fit.variance_weight)
    inside = np.abs(fit.fitted(directions) - truth) < 2 * sd
    assert inside.mean() > 0.85
