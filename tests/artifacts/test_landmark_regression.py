"""Regression on similarities to landmarks."""

import numpy as np
import pytest

from artifacts import landmark_regression
from artifacts.clustering import Vectors, unit_rows
from artifacts.dataset import Matrix
from artifacts.landmark_regression import (
    Directions,
    Regression,
    find_directions,
    find_landmarks,
    regress,
)
from artifacts.smoother import kernel_of


def sphere(n: int, dimension: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    return unit_rows(rng.normal(size=(n, dimension)).astype(np.float32))


def fitted(
    vectors: Vectors, values: Matrix, sharpness: float = 16.0
) -> tuple[Directions, Regression]:
    landmarks = find_landmarks(vectors, 40)
    directions = find_directions(vectors, landmarks, sharpness)
    return directions, regress(directions, vectors, values)


def test_signal_is_learnt_and_noise_is_shrunk_away() -> None:
    vectors = sphere(600, 3)
    signal = np.sign(vectors[:, 0]) * 0.3
    noise = np.random.default_rng(0).normal(0, 0.3, (600, 2))
    values = 0.5 + np.column_stack([signal + 0.1 * noise[:, 0], noise[:, 1]])

    directions, fit = fitted(vectors, values)

    found = fit.expect(directions.z(vectors)) - 0.5
    assert np.corrcoef(found[:, 0], signal)[0, 1] > 0.9
    assert found[:, 1].std() < 0.2 * noise[:, 1].std()


def test_the_posterior_covers_the_truth() -> None:
    vectors = sphere(800, 4, seed=1)
    truth = 0.5 + 0.3 * vectors[:, :1]
    chance = np.random.default_rng(2).uniform(size=(800, 1))

    directions, fit = fitted(vectors, (chance < truth).astype(float))

    z = directions.z(vectors)
    sd = np.sqrt(fit.variance_mean + z**2 @ fit.variance_weight)
    assert (np.abs(fit.expect(z) - truth) < 2 * sd).mean() > 0.85


def test_the_rows_lie_centred_along_uncorrelated_axes_that_span_the_kernel() -> None:
    vectors = sphere(200, 3)
    landmarks = find_landmarks(vectors, 20)

    directions = find_directions(vectors, landmarks, 4.0)

    z = directions.z(vectors)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(z.T @ z, np.diag(directions.power), atol=1e-8)
    assert np.all(np.diff(directions.power) <= 0)
    # Where all rows are landmarks nothing is lost: distances are the kernel's.
    exact = find_directions(landmarks, landmarks, 4.0).z(landmarks)
    kernel = kernel_of(landmarks.astype(float) @ landmarks.T.astype(float), 4.0)
    squared = kernel[0, 0] + kernel[5, 5] - 2 * kernel[0, 5]
    assert ((exact[0] - exact[5]) ** 2).sum() == pytest.approx(squared, rel=1e-3)


def test_the_fit_does_not_depend_on_how_rows_are_divided(monkeypatch) -> None:
    vectors = sphere(300, 4)
    values = np.random.default_rng(3).uniform(size=(300, 2)) + vectors[:, :1]
    one, whole = fitted(vectors, values)

    monkeypatch.setattr(landmark_regression, "_BLOCK_ROWS", 32)

    other, parts = fitted(vectors, values)
    np.testing.assert_allclose(
        parts.expect(other.z(vectors)), whole.expect(one.z(vectors)), atol=1e-8
    )
    assert parts.evidence == pytest.approx(whole.evidence)


@pytest.mark.parametrize(("wave", "better", "worse"), [(1, 1, 64), (9, 64, 1)])
def test_evidence_tells_how_fast_the_truth_changes(wave, better, worse) -> None:
    angle = np.linspace(0, np.pi, 400)
    vectors = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    noise = np.random.default_rng(4).normal(0, 0.3, 400)
    values = (np.cos(wave * angle) + noise)[:, None]

    evidence = {s: fitted(vectors, values, s)[1].evidence for s in (better, worse)}

    assert evidence[better] > evidence[worse]


def test_landmarks_of_few_rows_are_the_rows() -> None:
    vectors = sphere(5, 3)

    landmarks = find_landmarks(vectors, 128)

    assert sorted(landmarks[:, 0].tolist()) == pytest.approx(
        sorted(vectors[:, 0].tolist())
    )


def test_columns_that_never_vary_are_their_mean() -> None:
    vectors = sphere(50, 3)

    directions, fit = fitted(vectors, np.full((50, 2), 0.25))

    np.testing.assert_allclose(fit.expect(directions.z(vectors)), 0.25)
