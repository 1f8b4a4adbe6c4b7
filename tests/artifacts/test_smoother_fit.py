"""Fitting a smoother: costs, gaps, and the choice of the kernel."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.smoother_fit import FilledRows, fit_smoother


def half_circle(wave: float, measured: float = 1.0) -> FilledRows:
    """300 queries along half a circle, two models: accuracies are waves, the second
    is free, the first ever dearer."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, np.pi, 300)
    chance = 0.5 + 0.4 * np.column_stack([np.cos(wave * angle), np.sin(wave * angle)])
    return FilledRows(
        np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32),
        (rng.uniform(size=(300, 2)) < chance).astype(float),
        np.column_stack([0.001 * (1 + angle), np.zeros(300)]),
        np.array([1.0, measured]),
    )


def smoother_of(rows: FilledRows, sharpness: float | None = None):
    return fit_smoother(rows, np.zeros((1, 2)), n_landmarks=48, sharpness=sharpness)


def test_the_training_rows_choose_the_sharpness_of_the_kernel() -> None:
    slow, fast = half_circle(0.5), half_circle(12)
    equal = np.full((300, 2), 0.001)  # costs tell nothing

    assert smoother_of(replace(slow, cost_usd=equal)).sharpness == 1
    assert smoother_of(replace(fast, cost_usd=equal)).sharpness == 64


def test_expected_costs_follow_the_query_and_keep_the_mean() -> None:
    rows = half_circle(1)

    cost_usd = smoother_of(rows).expect(rows.vectors).cost_usd

    np.testing.assert_allclose(cost_usd[:, 0], rows.cost_usd[:, 0], rtol=0.05)
    assert cost_usd[:, 0].mean() == pytest.approx(rows.cost_usd[:, 0].mean())
    np.testing.assert_array_equal(cost_usd[:, 1], 0.0)


def test_filled_gaps_widen_the_variance() -> None:
    rows = half_circle(1)

    full = smoother_of(rows).expect(rows.vectors).variance
    gappy = smoother_of(half_circle(1, measured=0.25)).expect(rows.vectors).variance

    np.testing.assert_allclose(gappy, full * [1.0, 4.0])
