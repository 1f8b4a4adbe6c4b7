"""What each model scores and costs on the queries of each cluster."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from artifacts.dataset import Matrix
from artifacts.familiarity import Familiarity
from artifacts.smoother import Smoother


@dataclass(frozen=True, eq=False)
class ClusterProfiles:
    """k clusters × m models; nan where nothing was measured.

    `accuracy` is the mean score in [0, 1] (the paper's performance p), `cost_usd` the
    mean cost of one query (its efficiency q), `count` the queries measured. The priors
    are finite everywhere: model effect + cluster effect, for cells without evidence.
    `smoother` is what a policy has learnt beyond clusters, None if nothing;
    `familiarity` tells which queries the clusters say nothing about, None: not known.
    """

    accuracy: Matrix
    cost_usd: Matrix
    count: NDArray[np.int64]
    prior_accuracy: Matrix
    prior_cost_usd: Matrix
    prompt_tokens: Matrix
    completion_tokens: Matrix
    smoother: Smoother | None = None
    familiarity: Familiarity | None = None

    def __post_init__(self) -> None:
        if self.count.ndim != 2:
            raise ValueError("count: clusters × models expected")
        for name in TABLES:
            if getattr(self, name).shape != self.count.shape:
                raise ValueError(f"{name}: shape differs from that of count")
        if self.smoother and self.smoother.cell_accuracy.shape != self.count.shape:
            raise ValueError("smoother: not for these clusters and models")
        if self.familiarity and len(self.familiarity.cluster_size) != len(self.count):
            raise ValueError("cluster_size: not for these clusters")

    @property
    def shape(self) -> tuple[int, int]:
        """Number of clusters, number of models."""
        return self.count.shape[0], self.count.shape[1]

    @cached_property
    def imputed(self) -> NDArray[np.bool_]:
        """Cells without any evidence, whose values come from the prior."""
        return np.asarray(self.count == 0)

    @property
    def query_share(self) -> NDArray[np.float64]:
        """Each cluster's share of the training queries; (k,).

        Where that was not noted, its most measured model tells it.
        """
        known = self.familiarity
        size = known.cluster_size if known else self.count.max(axis=1)
        return np.asarray(size / size.sum())

    def cells(self, clusters: NDArray[np.intp], columns: NDArray[np.intp]) -> Matrix:
        """Filled accuracy and cost of some models in clusters (…); (…, 2, c)."""
        return self._filled.take(clusters, axis=0).take(columns, axis=-1)

    def unmeasured(
        self, clusters: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Which of some models have no evidence in one of the clusters (p,); (c,)."""
        if self._with_gaps.isdisjoint(clusters.tolist()):
            return np.zeros(len(columns), dtype=np.bool_)
        cells = self.imputed.take(clusters, axis=0).take(columns, axis=1)
        return np.asarray(np.logical_or.reduce(cells))

    @cached_property
    def _with_gaps(self) -> frozenset[int]:
        """Clusters that lack evidence on some model; none where all answered all."""
        return frozenset(np.flatnonzero(self.imputed.any(axis=1)).tolist())

    def shrunk_accuracy(self, strength: float) -> Matrix:
        """(n · accuracy + strength · prior) / (n + strength) of each cell."""
        total = self.count * self.filled_accuracy() + strength * self.prior_accuracy
        return np.asarray(total / (self.count + strength))

    def filled_accuracy(self) -> Matrix:
        """`accuracy`, and the prior where nothing was measured."""
        return self._filled[:, 0]

    def filled_cost_usd(self) -> Matrix:
        """`cost_usd`, and the prior where nothing was measured."""
        return self._filled[:, 1]

    @cached_property
    def _filled(self) -> Matrix:
        """Accuracies and costs, (k, 2, m): made once, so that a decision pays for its
        own cells only. Those of a cluster lie side by side."""
        accuracy = np.where(self.imputed, self.prior_accuracy, self.accuracy)
        cost_usd = np.where(self.imputed, self.prior_cost_usd, self.cost_usd)
        return np.stack([accuracy, cost_usd], axis=1)


TABLES = tuple(
    field.name
    for field in fields(ClusterProfiles)
    if field.name not in {"smoother", "familiarity"}
)
