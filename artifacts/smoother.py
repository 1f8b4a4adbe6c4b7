"""What the `calibrated` policy has learnt: accuracy and cost as smooth functions of the
query's vector, for all models at once.

A kernel regression on similarities to landmarks. Knows nothing of how it was fitted
(`smoother_fit.py`) or of α's use (`calibrated.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.clustering import Vectors
from artifacts.dataset import Matrix

Values = NDArray[np.float64]

# Lowest expected root of the relative cost: a cost is never predicted as nothing.
LOWEST_COST_ROOT = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What m models are expected to do on b queries; each (b, m)."""

    accuracy: Matrix  # not confined to [0, 1]
    variance: Matrix  # of that accuracy, posterior
    cost_usd: Matrix


@dataclass(frozen=True, eq=False)
class Smoother:
    """l landmarks, r directions, m models, k clusters.

    With s the cosine of a query to each landmark, κ = 1 / (1 + sharpness · (1 − s)) and
    z = (κ − kernel_mean) · basis:

        accuracy = accuracy_mean + z · accuracy_weight
        variance = variance_mean + z² · variance_weight
        cost_usd = cost_scale_usd · max(0.05, cost_root_mean + z · cost_root_weight)²
    """

    landmarks: Vectors  # unit rows (l, d)
    kernel_mean: Values  # (l,)
    basis: Matrix  # (l, r)
    accuracy_mean: Values  # (m,)
    accuracy_weight: Matrix  # (r, m)
    variance_mean: Values
    variance_weight: Matrix
    cost_root_mean: Values
    cost_root_weight: Matrix
    cost_scale_usd: Values  # (m,)
    cell_accuracy: Matrix  # (k, m): of clusters, thin cells shrunk to the prior
    trade_off: Values  # (t,): weight of accuracy at α = 0, 1/(t − 1), …, 1
    sharpness: float
    cost_unit_usd: float  # what cost is divided by to be weighed against accuracy

    def __post_init__(self) -> None:
        (n, r), m = self.basis.shape, len(self.accuracy_mean)
        shapes = {
            "landmarks": (n, self.landmarks.shape[-1]),
            "kernel_mean": (n,),
            "cell_accuracy": (len(self.cell_accuracy), m),
            **dict.fromkeys(_PER_MODEL, (m,)),
            **dict.fromkeys(_WEIGHTS, (r, m)),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: shape {shape} expected")
        for name, array in self.arrays().items():
            if not np.all(np.isfinite(np.asarray(array, dtype=np.float64))):
                raise ValueError(f"{name}: not finite everywhere")
        if not is_scale(self.trade_off):
            raise ValueError("trade_off: must rise from 0 to 1")
        if self.cost_unit_usd <= 0:
            raise ValueError("cost_unit_usd: must be positive")

    def expect(self, vectors: Vectors) -> Expected:
        """Expectations for unit rows (b, d) and all models."""
        kernel_mean, linear_mean, variance_mean, cost_scale_usd = self._rows
        kernel = kernel_of(vectors.dot(self.landmarks.T), self.sharpness)
        z = (kernel - kernel_mean).dot(self.basis)
        linear = linear_mean + z.dot(self._linear_weight)
        m = len(self.accuracy_mean)
        root = np.maximum(linear[:, m:], LOWEST_COST_ROOT)
        return Expected(
            linear[:, :m],
            variance_mean + (z * z).dot(self.variance_weight),
            root * root * cost_scale_usd,
        )

    @cached_property
    def _linear_weight(self) -> Matrix:
        """Of accuracies, then of roots of costs: both linear in z, so one product."""
        return np.concatenate([self.accuracy_weight, self.cost_root_weight], axis=1)

    @cached_property
    def _rows(self) -> tuple[Matrix, Matrix, Matrix, Matrix]:
        """What `expect` adds or multiplies, each (1, …): of one row's time, numpy takes
        more to add a missing axis than to add."""
        linear_mean = np.concatenate([self.accuracy_mean, self.cost_root_mean])
        return (
            self.kernel_mean[None],
            linear_mean[None],
            self.variance_mean[None],
            self.cost_scale_usd[None],
        )

    @cached_property
    def _knots(self) -> list[float]:
        # Of a list, one number is read several times faster than of an array.
        return list(map(float, self.trade_off))

    def accuracy_share(self, alpha: float) -> float:
        """τ(α) in [0, 1], the weight of accuracy; never falls, τ(0) = 0, τ(1) = 1."""
        knots = self._knots
        last = len(knots) - 1
        knot = min(int(alpha * last), last - 1)
        low, high = knots[knot], knots[knot + 1]
        part = alpha * last - knot
        # Both terms: at part = 1 the sum is exactly `high`.
        return (1 - part) * low + part * high

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All fields as arrays, the numbers as arrays without dimensions."""
        return {
            field.name: np.asarray(getattr(self, field.name)) for field in fields(self)
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Smoother":
        """The inverse of `arrays`; TypeError or ValueError if it cannot be."""
        values: dict[str, Any] = {**arrays}
        for name in {"sharpness", "cost_unit_usd"} & arrays.keys():
            values[name] = float(arrays[name])
        return cls(**values)


_PER_MODEL = ("accuracy_mean", "variance_mean", "cost_root_mean", "cost_scale_usd")
_WEIGHTS = ("accuracy_weight", "variance_weight", "cost_root_weight")


def kernel_of(similarity: NDArray[Any], sharpness: float) -> Matrix:
    """1 / (1 + sharpness · (1 − cosine)): 1 for the same direction."""
    return np.asarray(1.0 / ((1.0 + sharpness) - sharpness * similarity.astype(float)))


def is_scale(knots: Values) -> bool:
    """Whether `knots` never fall and lead from 0 to 1."""
    return bool(
        knots.ndim == 1
        and len(knots) > 1
        and knots[0] == 0
        and knots[-1] == 1
        and np.all(np.diff(knots) >= 0)
    )
