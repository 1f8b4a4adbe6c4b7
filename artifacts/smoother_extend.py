"""A new model's column in a smoother that was fitted without it.

Landmarks and directions stay. What is known of the other models is the prior of the
new one: their columns scatter around a mean, which is how hard a query is for any
model, along a few directions, which are how models differ. The new column is

    (mean, weights) ~ N(average column, σ² · (g · covariance + diag(1, h, h, …)))

given its records, with g and h of greatest evidence. Without records it would be the
average model; with few it is that, moved along the directions in which models differ;
with many, its own. It is linear in the directions like any other column.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from artifacts.clustering import Vectors
from artifacts.dataset import Matrix
from artifacts.profiles import ClusterProfiles
from artifacts.smoother import LOWEST_COST_ROOT, Smoother, Values, kernel_of

_LIKE_OTHERS = np.geomspace(0.1, 1000, 5)  # g
_ON_ITS_OWN = np.geomspace(1e-4, 1e2, 9)  # h: 1/h are the strengths of the fit
_NOISE_ROWS = 4.0  # what the guess of the noise is worth, in records
_RELATIVE_COST_NOISE = 0.25  # guess of the variance of the root of a relative cost


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """One new model on n queries."""

    vectors: Vectors  # unit rows (n, d)
    score: Values  # (n,), none nan
    cost_usd: Values  # (n,), none nan


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """A column: mean and weights, and the posterior variance."""

    mean: float
    weight: Values  # (r,)
    variance_mean: float
    variance_weight: Values


@dataclass(frozen=True, slots=True, eq=False)
class _Posterior:
    evidence: float
    coefficients: Values  # (1 + r,), deviation from the average column
    noise: float
    turned: Matrix  # its transpose × itself × noise is the covariance

    @property
    def covariance(self) -> Matrix:
        """Of the coefficients."""
        return np.asarray(self.noise * self.turned.T @ self.turned)


def extend_smoother(
    smoother: Smoother, records: list[Records], new: ClusterProfiles, strength: float
) -> Smoother:
    """A smoother whose columns are the new models' alone, of the same directions.

    `new` are their profiles with priors, in the order of `records`; thin cells are
    shrunk to the prior as if it were `strength` queries.
    """
    lines = [_accuracy(smoother, one) for one in records]
    costs = [_cost(smoother, one) for one in records]
    return replace(
        smoother,
        accuracy_mean=np.array([line.mean for line in lines]),
        accuracy_weight=np.column_stack([line.weight for line in lines]),
        variance_mean=np.array([line.variance_mean for line in lines]),
        variance_weight=np.column_stack([line.variance_weight for line in lines]),
        cost_root_mean=np.array([line.mean for line, _ in costs]),
        cost_root_weight=np.column_stack([line.weight for line, _ in costs]),
        cost_scale_usd=np.array([scale for _, scale in costs]),
        cell_accuracy=new.shrunk_accuracy(strength),
    )


def _directions(smoother: Smoother, vectors: Vectors) -> Matrix:
    """z of unit rows, (n, r)."""
    kernel = kernel_of(vectors @ smoother.landmarks.T, smoother.sharpness)
    return np.asarray((kernel - smoother.kernel_mean) @ smoother.basis)


def _accuracy(smoother: Smoother, records: Records) -> _Line:
    z = _directions(smoother, records.vectors)
    others = np.vstack([smoother.accuracy_mean, smoother.accuracy_weight])
    n = len(records.score)
    right = (records.score.sum() + 0.5) / (n + 1)
    posterior, average = _fit(z, records.score, others, right * (1 - right))
    line = posterior.coefficients + average
    covariance = posterior.covariance
    spread = covariance.diagonal()
    # Only the variance along each direction can be stored, and given other rows than
    # the fit's they are not independent: their mean is made that of the whole.
    at = np.column_stack(
        [np.ones(len(smoother.landmarks)), _directions(smoother, smoother.landmarks)]
    )
    spread = spread * (((at @ covariance) * at).sum() / (at**2 @ spread).sum())
    # What is borrowed from the others is no better known than they are.
    return _Line(
        float(line[0]),
        line[1:],
        float(spread[0] + smoother.variance_mean.mean()),
        spread[1:] + smoother.variance_weight.mean(axis=1),
    )


def _cost(smoother: Smoother, records: Records) -> tuple[_Line, float]:
    """The root of the relative cost, and the scale in USD."""
    z = _directions(smoother, records.vectors)
    paid = smoother.cost_scale_usd > 0
    others = np.vstack([smoother.cost_root_mean, smoother.cost_root_weight])[:, paid]
    if not paid.any():
        others = np.r_[1.0, np.zeros(z.shape[1])][:, None]
    average = others.mean(axis=1)
    # Relative to what the average model would cost on these queries, not to their
    # mean: they may be dearer than those of the fit.
    usual = np.maximum(average[0] + z @ average[1:], LOWEST_COST_ROOT)
    unit = float(records.cost_usd.sum() / (usual**2).sum())
    root = np.sqrt(records.cost_usd / (unit or 1.0))
    posterior, average = _fit(z, root, others, _RELATIVE_COST_NOISE)
    line = posterior.coefficients + average
    fitted = np.maximum(line[0] + z @ line[1:], LOWEST_COST_ROOT)
    # The square of an expected root is too low: the mean is put right here.
    scale = float(records.cost_usd.sum() / (fitted**2).sum())
    return _Line(float(line[0]), line[1:], 0.0, np.zeros(z.shape[1])), scale


def _fit(
    z: Matrix, values: Values, others: Matrix, noise_guess: float
) -> tuple[_Posterior, Values]:
    """The posterior of greatest evidence, and the average of the `others` (1 + r, m)
    around which it is."""
    average = others.mean(axis=1)
    rows = np.column_stack([np.ones(len(z)), z])
    residual = values - rows @ average
    gram, projected = rows.T @ rows, rows.T @ residual
    total = float(residual @ residual)
    best = max(
        (
            _posterior(prior, gram, projected, (total, len(z), noise_guess))
            for prior in _priors(others)
        ),
        key=lambda posterior: posterior.evidence,
    )
    return best, average


def _priors(others: Matrix) -> Iterator[Matrix]:
    """Covariances to choose from, in units of the noise; the tightest first."""
    n, m = others.shape
    apart = others - others.mean(axis=1, keepdims=True)
    covariance = apart @ apart.T / max(m - 1, 1)
    for like_others in _LIKE_OTHERS if m > 1 else (0.0,):
        for own in _ON_ITS_OWN:
            # The mean's 1: the average model counts as one record.
            yield like_others * covariance + np.diag(np.r_[1.0, np.full(n - 1, own)])


def _posterior(
    prior: Matrix,
    gram: Matrix,
    projected: Values,
    residual: tuple[float, int, float],
) -> _Posterior:
    """Of a Gaussian prior; the noise's variance is profiled out of the evidence.

    `residual`: sum of squares, rows, guess of the noise.
    """
    total, n, noise_guess = residual
    root = np.linalg.cholesky(prior)
    lower = np.linalg.cholesky(root.T @ gram @ root + np.eye(len(root)))
    turned = np.linalg.solve(lower, root.T)
    p = turned @ projected
    rest = max(total - float(p @ p), 0.0) + _NOISE_ROWS * noise_guess
    count = n + _NOISE_ROWS
    flexibility = 2 * float(np.log(lower.diagonal()).sum())
    return _Posterior(
        evidence=-0.5 * count * float(np.log(rest)) - 0.5 * flexibility,
        coefficients=p @ turned,
        noise=rest / count,
        turned=turned,
    )
