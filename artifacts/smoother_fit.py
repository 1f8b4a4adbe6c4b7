"""Fitting the smooth part of the `calibrated` policy: expected accuracy and cost of
every model, each a regression on similarities to landmarks (`landmark_regression.py`).
"""

from dataclasses import dataclass

import numpy as np

from artifacts.clustering import Vectors
from artifacts.dataset import Matrix
from artifacts.landmark_regression import (
    blocks,
    find_directions,
    find_landmarks,
    regress,
)
from artifacts.smoother import LOWEST_COST_ROOT, Smoother, Values

# From kernels that see little but the whole to kernels that see neighbours only.
_SHARPNESSES = (1.0, 4.0, 16.0, 64.0)
_EVIDENCE_ROWS = 2**14  # at most so many rows choose among them
_IDENTITY = np.array([0.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class FilledRows:
    """n training rows, gaps filled in."""

    vectors: Vectors  # unit rows (n, d)
    score: Matrix  # (n, m)
    cost_usd: Matrix  # (n, m)
    measured: Values  # (m,): share of scores that were no gaps


def fit_smoother(
    rows: FilledRows, cells: Matrix, *, n_landmarks: int, sharpness: float | None
) -> Smoother:
    """A smoother whose cost unit and trade-off are still to be set.

    `cells`: see Smoother. `sharpness` None: the one of greatest evidence on scores and
    costs together.
    """
    vectors, cost_usd = rows.vectors, rows.cost_usd
    landmarks = find_landmarks(vectors, n_landmarks)
    mean_cost = cost_usd.mean(axis=0)
    # Roots: costs are skewed, and a few dear answers must not rule the fit.
    root = np.sqrt(cost_usd / np.where(mean_cost == 0, 1.0, mean_cost))
    if sharpness is None:
        some = slice(None, None, -(-len(vectors) // _EVIDENCE_ROWS))
        tables = (rows.score[some], root[some])
        sharpness = _sharpness_by_evidence(vectors[some], landmarks, tables)
    directions = find_directions(vectors, landmarks, sharpness)
    accuracy = regress(directions, vectors, rows.score)
    cost = regress(directions, vectors, root)
    squares = np.zeros(len(mean_cost))
    for block in blocks(len(vectors)):
        fitted = cost.expect(directions.z(vectors[block]))
        squares += (np.maximum(fitted, LOWEST_COST_ROOT) ** 2).sum(axis=0)
    return Smoother(
        landmarks=landmarks,
        kernel_mean=directions.kernel_mean,
        basis=directions.basis,
        accuracy_mean=accuracy.mean,
        accuracy_weight=accuracy.weight,
        # Filled gaps are no evidence.
        variance_mean=accuracy.variance_mean / rows.measured,
        variance_weight=accuracy.variance_weight / rows.measured,
        cost_root_mean=cost.mean,
        cost_root_weight=cost.weight,
        # The square of an expected root is too low: the mean is put right here.
        cost_scale_usd=mean_cost * len(vectors) / squares,
        cell_accuracy=cells,
        trade_off=_IDENTITY,
        sharpness=sharpness,
        cost_unit_usd=1.0,
    )


def _sharpness_by_evidence(
    vectors: Vectors, landmarks: Vectors, tables: tuple[Matrix, ...]
) -> float:
    def evidence(sharpness: float) -> float:
        directions = find_directions(vectors, landmarks, sharpness)
        return sum(regress(directions, vectors, table).evidence for table in tables)

    return max(_SHARPNESSES, key=evidence)
