"""Ridge regression in the space that landmarks span, its strength chosen by the
evidence of the training rows.

Models are not fitted one by one. Their scores are turned into principal components
first: the leading one is how hard a query is, the others are what sets models apart.
Each component is shrunk as much as its own evidence asks for, so that differences
between models that are not there in the data vanish from the expectation as well.

Rows are gone through in blocks: what is kept of them are sums of products.
"""

from collections.abc import Iterator
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
_ROWS_PER_LANDMARK = 256  # more do not move the centres of a k-means noticeably
_BLOCK_ROWS = 2**14


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Where n training rows lie in the landmarks' space, along its principal axes."""

    landmarks: Vectors  # (l, d)
    sharpness: float
    kernel_mean: Values  # (l,)
    basis: Matrix  # (l, r)
    power: Values  # (r,): sum of squares of the rows' z, greatest first

    def z(self, vectors: Vectors) -> Matrix:
        """Coordinates of unit rows (b, d), centred on the training rows; (b, r)."""
        kernel = kernel_of(vectors @ self.landmarks.T, self.sharpness)
        return np.asarray((kernel - self.kernel_mean) @ self.basis)


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Mean and weights of a fit to m columns, and the posterior variance of it."""

    mean: Values  # (m,)
    weight: Matrix  # (r, m)
    variance_mean: Values
    variance_weight: Matrix
    evidence: float  # log marginal likelihood, but for a constant of the values

    def expect(self, z: Matrix) -> Matrix:
        """Expectations at rows z (b, r); (b, m)."""
        return self.mean + z @ self.weight


def find_landmarks(vectors: Vectors, n: int, seed: int = 0) -> Vectors:
    """Centres of a quick k-means over evenly spaced rows; ValueError without rows."""
    sample = vectors[:: max(1, len(vectors) // (_ROWS_PER_LANDMARK * n))]
    kmeans = KMeans(min(n, len(sample)), n_init=1, n_iter=25, seed=seed)
    return unit_rows(kmeans.fit(sample).means)


def find_directions(
    vectors: Vectors, landmarks: Vectors, sharpness: float
) -> Directions:
    """Principal axes of the rows (n, d) by the kernel of that sharpness."""
    whiten = _whitening(landmarks, sharpness)
    n, r = len(vectors), whiten.shape[1]
    total, products = np.zeros(len(landmarks)), np.zeros((r, r))
    # Near the mean, so that subtracting the mean's products costs no digits.
    middle = kernel_of(vectors[:_BLOCK_ROWS] @ landmarks.T, sharpness).mean(axis=0)
    for rows in blocks(n):
        kernel = kernel_of(vectors[rows] @ landmarks.T, sharpness) - middle
        total += kernel.sum(axis=0)
        products += (kernel @ whiten).T @ (kernel @ whiten)
    mean = total / n
    products -= n * np.outer(mean @ whiten, mean @ whiten)
    power, turn = np.linalg.eigh(products)
    keep = np.flatnonzero(power > _NEGLIGIBLE * max(float(power.sum()), 1.0))[::-1]
    return Directions(
        landmarks=landmarks,
        sharpness=sharpness,
        kernel_mean=middle + mean,
        basis=whiten @ turn[:, keep],
        power=power[keep],
    )


def _whitening(landmarks: Vectors, sharpness: float) -> Matrix:
    """w such that rows of kernel · w have the kernel as inner product (Nyström)."""
    exact = landmarks.astype(np.float64)
    size, turn = np.linalg.eigh(kernel_of(exact @ exact.T, sharpness))
    keep = size > _COINCIDENT * size[-1]
    return np.asarray(turn[:, keep] / np.sqrt(size[keep]))


def blocks(n: int) -> Iterator[slice]:
    """Parts of n rows that are gone through at a time."""
    for start in range(0, n, _BLOCK_ROWS):
        yield slice(start, start + _BLOCK_ROWS)


def regress(directions: Directions, vectors: Vectors, values: Matrix) -> Regression:
    """Fit all columns of `values` (n, m); none may be nan.

    `vectors` (n, d) are the rows that `directions` were found for.
    """
    n, m = values.shape
    mean = values.mean(axis=0)
    products, projected = np.zeros((m, m)), np.zeros((len(directions.power), m))
    for rows in blocks(n):
        centred = values[rows] - mean
        products += centred.T @ centred
        projected += directions.z(vectors[rows]).T @ centred
    turn = _components(products, n)
    projected = projected @ turn
    total = ((products @ turn) * turn).sum(axis=0)
    strength, noise, evidence = _by_evidence(directions.power, projected, total, n)
    precision = directions.power[:, None] + strength
    spread = turn.T**2
    return Regression(
        mean=mean,
        weight=(projected / precision) @ turn.T,
        variance_mean=(noise / n) @ spread,
        variance_weight=(noise / precision) @ spread,
        evidence=evidence,
    )


def _components(products: Matrix, n: int) -> Matrix:
    """Orthonormal columns (m, q) along which the columns of n rows vary at all."""
    size, turn = np.linalg.eigh(products)
    return np.asarray(turn[:, size > _NEGLIGIBLE * max(n, size[-1])])


def _by_evidence(
    power: Values, projected: Matrix, total: Values, n: int
) -> tuple[Values, Values, float]:
    """Ridge strength and noise variance of each component, of greatest likelihood, and
    the logarithm of that, summed.

    Marginal likelihood of a Gaussian process, its noise variance profiled out.
    """
    explained = (projected**2).T @ (1.0 / (power[:, None] + _STRENGTHS))
    residual = np.maximum(total - explained.T, _NEGLIGIBLE * total)  # (strengths, q)
    flexibility = np.log1p(power / _STRENGTHS[:, None]).sum(axis=1, keepdims=True)
    evidence = -0.5 * n * np.log(residual) - 0.5 * flexibility
    best = evidence.argmax(axis=0)
    column = np.arange(len(total))
    noise = residual[best, column] / n
    return _STRENGTHS[best], noise, float(evidence[best, column].sum())
