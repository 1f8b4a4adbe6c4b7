"""The profile of all training queries: what decides where no cluster is near."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.dataset import Matrix
from artifacts.performance_efficiency import efficiency_per_usd, performance_efficiency
from artifacts.policy import Policy, Scores
from artifacts.profiles import ClusterProfiles
from artifacts.smoother import Values


@dataclass(frozen=True, slots=True, eq=False)
class GlobalProfile:
    """Each model's accuracy and cost over all training queries; each (m,).

    `accuracy_sd` says how far a cluster's accuracy usually lies from the mean of all:
    of a query that is like none of them, no more is known. `imputed`: some cluster
    holds no evidence on the model, and its prior stands in the mean.
    """

    accuracy: Values
    cost_usd: Values
    accuracy_sd: Values
    imputed: NDArray[np.bool_]

    @classmethod
    def of(cls, profiles: ClusterProfiles) -> "GlobalProfile":
        """Means over the clusters, weighted by their queries.

        A model's own counts are no weights: one that was measured on the easy clusters
        only would look better than it is.
        """
        weight = profiles.query_share[:, None]
        accuracy = profiles.filled_accuracy()
        smoother = profiles.smoother
        cells = smoother.cell_accuracy if smoother else accuracy
        mean = (weight * accuracy).sum(axis=0)
        spread = (weight * (cells - mean) ** 2).sum(axis=0)
        cost_usd = (weight * profiles.filled_cost_usd()).sum(axis=0)
        imputed = np.asarray(profiles.imputed.any(axis=0))
        return cls(mean, cost_usd, np.sqrt(spread), imputed)

    def score(
        self,
        policy: Policy,
        profiles: ClusterProfiles,
        alpha: float,
        candidates: NDArray[np.intp],
    ) -> Scores:
        """One row of scores (1, c) under the policy's own use of α.

        `paper`: its x over this one profile. `calibrated`: its τ(α) and cost unit.
        """
        accuracy = self.accuracy[None, candidates]
        cost_usd = self.cost_usd[None, candidates]
        smoother = profiles.smoother
        if policy.kind == "paper" or smoother is None:
            x = performance_efficiency(np.stack([accuracy, cost_usd], axis=1), alpha)
            return Scores(x, accuracy, cost_usd)
        share = smoother.accuracy_share(alpha)
        worth = share * accuracy - ((1 - share) / smoother.cost_unit_usd) * cost_usd
        return Scores(worth, accuracy, cost_usd, self.accuracy_sd[None, candidates])

    def score_per_usd(
        self,
        policy: Policy,
        profiles: ClusterProfiles,
        alpha: float,
        candidates: NDArray[np.intp],
    ) -> float:
        """`Policy.score_per_usd`, of the scores above."""
        smoother = profiles.smoother
        if policy.kind == "paper" or smoother is None:
            return efficiency_per_usd(self.cost_usd[None, candidates], alpha)
        return (1 - smoother.accuracy_share(alpha)) / smoother.cost_unit_usd


def put_rows(scores: Scores, rows: NDArray[np.bool_], row: Scores) -> Scores:
    """`scores` (b, c) with `row` (1, c) in the place of the marked `rows` (b,)."""

    def put(values: Matrix, value: Matrix) -> Matrix:
        return np.where(rows[:, None], value, values)

    sd = scores.accuracy_sd
    return Scores(
        put(scores.score, row.score),
        put(scores.accuracy, row.accuracy),
        put(scores.cost_usd, row.cost_usd),
        None if sd is None or row.accuracy_sd is None else put(sd, row.accuracy_sd),
    )
