"""Fitting the smooth part of the `calibrated` policy: ridge regression in the space
that the landmarks span, its strength chosen by the evidence of the training rows.

Models are not fitted one by one. Their scores are turned into principal components
first: the leading one is how hard a query is, the others are what sets models apart.
Each component is shrunk as much as its own evidence asks for, so that differences
between models that are not there in the data vanish from the expectation as well.
"""

from dataclasses import dataclass

import numpy as np

from artifacts.clustering import KMeans, Vectors, unit_rows
from artifacts.dataset import Matrix
from artifacts.smoother import Values, kernel_of

# Ridge strengths to choose from: the kernel is 1 for equal vectors, so they are ratios
# of noise to signal.
_STRENGTHS = np.geomspace(1e-2, 1e4, 25)
_COINCIDENT = 1e-6  # share of the landmarks' kernel below which they are the same
_NEGLIGIBLE = 1e-10  # share of variance below which a direction is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Training rows in the landmarks' space: U · diag(singular), centred."""

    landmarks: Vectors  # (l, d)
    sharpness: float
    kernel_mean: Values  # (l,)
    basis: Matrix  # (l, r)
    u: Matrix  # (n, r), orthonormal columns
    singular: Values  # (r,)


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Mean and weights of a fit to m columns, and the posterior variance of it."""

    mean: Values  # (m,)
    weight: Matrix  # (r, m)
    variance_mean: Values
    variance_weight: Matrix

    def fitted(self, directions: Directions) -> Matrix:
        """Expectation on the training rows; (n, m)."""
        return self.mean + (directions.u * directions.singular) @ self.weight


def find_directions(
    vectors: Vectors, *, n_landmarks: int, sharpness: float, seed: int
) -> Directions:
    """Landmarks are the centres of a quick k-means; ValueError if there are no rows."""
    n_landmarks = min(n_landmarks, len(vectors))
    kmeans = KMeans(n_landmarks, n_init=1, n_iter=25, seed=seed)
    landmarks = unit_rows(kmeans.fit(vectors).means)
    whiten = _whitening(landmarks, sharpness)
    kernel = kernel_of(vectors @ landmarks.T, sharpness)
    kernel_mean = kernel.mean(axis=0)
    u, singular, turn = np.linalg.svd(
        (kernel - kernel_mean) @ whiten, full_matrices=False
    )
    keep = singular**2 > _NEGLIGIBLE * max(float((singular**2).sum()), 1.0)
    return Directions(
        landmarks=landmarks,
        sharpness=sharpness,
        kernel_mean=kernel_mean,
        basis=whiten @ turn[keep].T,
        u=u[:, keep],
        singular=singular[keep],
    )


def _whitening(landmarks: Vectors, sharpness: float) -> Matrix:
    """w such that rows of kernel · w have the kernel as inner product (Nyström)."""
    exact = landmarks.astype(np.float64)
    size, turn = np.linalg.eigh(kernel_of(exact @ exact.T, sharpness))
    keep = size > _COINCIDENT * size[-1]
    return np.asarray(turn[:, keep] / np.sqrt(size[keep]))


def regress(directions: Directions, values: Matrix) -> Regression:
    """Fit all columns of `values` (n, m); none may be nan."""
    n = len(values)
    mean = values.mean(axis=0)
    turn = _components(values - mean)
    component = (values - mean) @ turn  # (n, q)
    projected = directions.u.T @ component  # (r, q)
    power = directions.singular**2
    strength, noise = _by_evidence(power, projected, (component**2).sum(axis=0), n)
    precision = power[:, None] + strength
    coefficient = directions.singular[:, None] * projected / precision
    spread = turn.T**2
    return Regression(
        mean=mean,
        weight=coefficient @ turn.T,
        variance_mean=(noise / n) @ spread,
        variance_weight=(noise / precision) @ spread,
    )


def _components(centred: Matrix) -> Matrix:
    """Orthonormal columns (m, q) along which the columns of `centred` vary at all."""
    size, turn = np.linalg.eigh(centred.T @ centred)
    return np.asarray(turn[:, size > _NEGLIGIBLE * max(len(centred), size[-1])])


def _by_evidence(
    power: Values, projected: Matrix, total: Values, n: int
) -> tuple[Values, Values]:
    """Ridge strength and noise variance of each component, of greatest likelihood.

    Marginal likelihood of a Gaussian process, its noise variance profiled out.
    """
    kept = power / (power + _STRENGTHS[:, None])  # (strengths, r)
    residual = total - kept @ projected**2
    residual = np.maximum(residual, _NEGLIGIBLE * total)
    flexibility = np.log1p(power / _STRENGTHS[:, None]).sum(axis=1, keepdims=True)
    evidence = -0.5 * n * np.log(residual) - 0.5 * flexibility
    best = evidence.argmax(axis=0)
    return _STRENGTHS[best], residual[best, np.arange(len(total))] / n
