"""The `calibrated` policy: ours, against the paper's, on queries not seen in training.

accuracy = (1 − w) · smoother + w · clusters, confined to [0, 1]. The smoother is a
kernel regression on similarities to landmarks (`smoother.py`, `smoother_fit.py`); the
clusters' accuracies, each shrunk to its two-way prior (model + cluster effect), are
averaged with weights exp(−β · (d − d_min)) over the nearest clusters, d = 1 − cosine.
The expected cost is the smoother's.

score = τ · accuracy − (1 − τ) · cost_usd / cost_unit_usd, with one cost unit and one
τ(α) for all queries: the most accuracy for a given mean cost. τ rises with α from 0 to
1 such that α divides the way from the cheapest routing of the training queries (α = 0)
to the most accurate (α = 1) evenly on a logarithmic scale of mean expected cost: at
α = 0.5 a query costs about √(cheapest · dearest) on average (`trade_off.py`).

Chosen at the fit, by the training rows alone:
- how far each component of scores and costs is smoothed: evidence of all rows;
- the sharpness of the kernel, of 1, 4, 16, 64: evidence of at most 16,384 rows;
- cost unit and τ: expectations on at most 4,000 rows.

Fixed by hand with two collections in view: w, β, the strength of the cells' priors, the
numbers of clusters and landmarks.
"""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from artifacts.clustering import Vectors, nearest
from artifacts.dataset import Matrix, RoutingDataset
from artifacts.policy import Neighbours, Scores
from artifacts.profiles import ClusterProfiles
from artifacts.smoother import Expected, Smoother
from artifacts.smoother_fit import FilledRows, fit_smoother
from artifacts.trade_off import cost_unit, even_spending

_MAX_SAMPLE = (
    2000  # training queries (or up to twice as many) on which τ(α) is laid out
)


class CalibratedPolicy(BaseModel):
    """See the module for what the fixed parameters do and what is chosen at the fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["calibrated"] = "calibrated"
    n_nearest_clusters: int = Field(default=4, ge=1)
    beta: float = Field(default=8.0, ge=0, description="decay over cosine distance")
    cell_strength: float = Field(
        default=8.0, gt=0, description="queries that a cell's prior is worth"
    )
    cluster_share: float = Field(default=0.3, ge=0, le=1, description="w above")
    n_landmarks: int = Field(default=128, ge=1)
    sharpness: float | None = Field(
        default=None, gt=0, description="of the kernel; None: chosen at the fit"
    )

    def learn(
        self,
        profiles: ClusterProfiles,
        dataset: RoutingDataset,
        vectors: Vectors,
        centroids: Vectors,
    ) -> ClusterProfiles:
        """`profiles` with a smoother fitted on the training rows, unit rows (n, d)."""
        cells = profiles.shrunk_accuracy(self.cell_strength)
        labels = nearest(vectors, centroids, 1)[0][:, 0]
        score = np.where(np.isnan(dataset.score), cells[labels], dataset.score)
        filled = profiles.filled_cost_usd()[labels]
        cost_usd = np.where(np.isnan(dataset.cost_usd), filled, dataset.cost_usd)
        measured = (~np.isnan(dataset.score)).mean(axis=0)
        smoother = fit_smoother(
            FilledRows(vectors, score, cost_usd, measured),
            cells,
            n_landmarks=self.n_landmarks,
            sharpness=self.sharpness,
        )
        sample = vectors[:: max(1, len(vectors) // _MAX_SAMPLE)]
        near = nearest(sample, centroids, self.n_nearest_clusters)
        accuracy, expected = self._expect(smoother, Neighbours(*near, sample))
        unit = cost_unit(expected.cost_usd)
        knots = even_spending(accuracy, expected.cost_usd, unit)
        smoother = replace(smoother, trade_off=knots, cost_unit_usd=unit)
        return replace(profiles, smoother=smoother)

    def score(
        self,
        profiles: ClusterProfiles,
        neighbours: Neighbours,
        alpha: float,
        candidates: NDArray[np.intp],
    ) -> Scores:
        """See the module; ValueError if `profiles` have learnt no smoother."""
        smoother = profiles.smoother
        if smoother is None:
            raise ValueError("the profiles lack what the calibrated policy learns")
        accuracy, expected = self._expect(smoother, neighbours)
        cost_usd, variance = expected.cost_usd, expected.variance
        if len(candidates) < cost_usd.shape[1]:  # else all, in their order
            accuracy = accuracy.take(candidates, axis=1)
            cost_usd = cost_usd.take(candidates, axis=1)
            variance = variance.take(candidates, axis=1)
        share = smoother.accuracy_share(alpha)
        return Scores(
            share * accuracy - ((1 - share) / smoother.cost_unit_usd) * cost_usd,
            accuracy,
            cost_usd,
            np.sqrt(variance),
        )

    def score_per_usd(
        self,
        profiles: ClusterProfiles,
        clusters: NDArray[np.intp],
        alpha: float,
        candidates: NDArray[np.intp],
    ) -> float:
        """(1 − τ) / cost_unit_usd, by which costs are weighed."""
        smoother = profiles.smoother
        if smoother is None:
            raise ValueError("the profiles lack what the calibrated policy learns")
        return (1 - smoother.accuracy_share(alpha)) / smoother.cost_unit_usd

    def _expect(
        self, smoother: Smoother, neighbours: Neighbours
    ) -> tuple[Matrix, Expected]:
        """Blended accuracy in [0, 1] (b, m) and what the smoother expects."""
        expected = smoother.expect(neighbours.vectors)
        distance = neighbours.similarity[:, :1] - neighbours.similarity
        weight = np.exp(-self.beta * distance.astype(np.float64))
        weight *= self.cluster_share / np.add.reduce(weight, axis=1, keepdims=True)
        near = smoother.cell_accuracy.take(neighbours.clusters, axis=0)  # (b, p, m)
        clustered = np.vecmat(weight, near)
        accuracy = (1 - self.cluster_share) * expected.accuracy + clustered
        return np.minimum(np.maximum(accuracy, 0.0), 1.0), expected
