"""The decision: which model is worth its price for a query, under α.

Pure numpy; the same functions serve live requests (one row) and evaluation (many).
With one row, the time goes into numpy's calls, not into arithmetic. So here and in what
a decision calls: few calls; `take`, `dot` and a ufunc's `reduce` rather than indexing
with arrays, `@` and methods like `mean`, which take up to five times as long.

α is in [0, 1]: 1 = best answers whatever they cost, 0 = cheapest.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from artifacts.dataset import Matrix, RoutingDataset
from artifacts.performance_efficiency import efficiency_per_usd, performance_efficiency
from artifacts.profiles import ClusterProfiles

# Scores are compared by whole parts of this: a difference in a later decimal is
# rounding, not evidence, so it is a tie.
_TIES_PER_UNIT = 1e12


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Unit rows of b queries, and their nearest clusters, nearest first."""

    clusters: NDArray[np.intp]  # (b, p)
    similarity: NDArray[np.float32]  # their cosine, (b, p)
    vectors: NDArray[np.float32]  # (b, d)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a policy makes of c candidates for b queries; each (b, c)."""

    score: Matrix
    accuracy: Matrix  # expected, in [0, 1]
    cost_usd: Matrix  # expected, of one query
    accuracy_sd: Matrix | None = None  # posterior, of `accuracy`; None: not known


class Policy(Protocol):
    """Turns cluster profiles into one score for each candidate model."""

    @property
    def kind(self) -> str:
        """Name of the policy, as manifests and decisions state it."""

    @property
    def n_nearest_clusters(self) -> int:
        """How many clusters it wants to see."""

    def learn(
        self,
        profiles: ClusterProfiles,
        dataset: RoutingDataset,
        vectors: NDArray[np.float32],
        centroids: NDArray[np.float32],
    ) -> ClusterProfiles:
        """`profiles` with what `score` needs besides, from the training rows (n, d)."""

    def score(
        self,
        profiles: ClusterProfiles,
        neighbours: Neighbours,
        alpha: float,
        candidates: NDArray[np.intp],
    ) -> Scores:
        """Scores of the models in the columns `candidates`; the greatest is best."""

    def score_per_usd(
        self,
        profiles: ClusterProfiles,
        clusters: NDArray[np.intp],
        alpha: float,
        candidates: NDArray[np.intp],
    ) -> float:
        """How much of one query's scores a further USD of cost is worth.

        `clusters` (p,) are the query's nearest.
        """


class PaperPolicy(BaseModel):
    """Avengers-Pro as published (arXiv 2508.12631).

    Within each of the p nearest clusters, performance and cost are min–max scaled over
    the candidates (all equal → p̃ = 1, q̃ = 0); x = α·p̃ + (1 − α)·(1 − q̃) is summed
    over the clusters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["paper"] = "paper"
    n_nearest_clusters: int = Field(default=3, ge=1)

    def learn(
        self,
        profiles: ClusterProfiles,
        dataset: RoutingDataset,
        vectors: NDArray[np.float32],
        centroids: NDArray[np.float32],
    ) -> ClusterProfiles:
        """`profiles` as they are: the paper knows nothing but clusters."""
        return profiles

    def score(
        self,
        profiles: ClusterProfiles,
        neighbours: Neighbours,
        alpha: float,
        candidates: NDArray[np.intp],
    ) -> Scores:
        """See the class; expected accuracy and cost are means over the clusters."""
        cells = profiles.cells(neighbours.clusters, candidates)  # (b, p, 2, c)
        x = performance_efficiency(cells, alpha)
        mean = np.add.reduce(cells, axis=1) / cells.shape[1]
        return Scores(np.add.reduce(x, axis=1), mean[:, 0], mean[:, 1])

    def score_per_usd(
        self,
        profiles: ClusterProfiles,
        clusters: NDArray[np.intp],
        alpha: float,
        candidates: NDArray[np.intp],
    ) -> float:
        """See `efficiency_per_usd`, of the clusters."""
        return efficiency_per_usd(profiles.cells(clusters, candidates)[:, 1], alpha)


@dataclass(frozen=True, slots=True)
class Staying:
    """Whether a conversation keeps its model; see `request_terms.keep_home`."""

    home: str
    gain: float  # of the best model over `home`, in scores
    loss: float  # what the prompt cache is worth, in scores
    saved_usd: float  # and in USD
    stays: bool


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a second artifact would have decided for the same query; nobody acts on it.

    The costs are each artifact's own expectation of its choice.
    """

    artifact_id: str
    model: str
    expected_cost_usd: float
    agrees: bool  # with the decision that it stands beside


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """The outcome for one query; the tuples follow `ranking`, best model first.

    What tells of each model may be left out (`without_scores`): it is empty then.
    """

    ranking: tuple[str, ...]
    scores: tuple[float, ...]
    expected_accuracy: tuple[float, ...]
    expected_cost_usd: tuple[float, ...]
    imputed: tuple[bool, ...]  # a cluster it rests on holds no evidence on the model
    clusters: tuple[int, ...]
    similarities: tuple[float, ...]
    alpha: float
    policy: str
    artifact_id: str
    accuracy_sd: tuple[float, ...] | None = None  # of `expected_accuracy`, if known
    # No training query is like it: the ranking is that of all queries together.
    out_of_distribution: bool = False
    # Per cent of the training queries that lie farther from their cluster, if known.
    similarity_percentile: float | None = None
    staying: Staying | None = None  # None: no conversation, or nothing to lose
    shadow: Shadow | None = None  # None: no second artifact was asked, or it could not

    @property
    def model(self) -> str:
        """The model that should answer."""
        return self.ranking[0]

    def without_scores(self) -> "RoutingDecision":
        """What to do, without the figures of each model.

        Among many models they are most of a decision.
        """
        return replace(
            self,
            scores=(),
            expected_accuracy=(),
            expected_cost_usd=(),
            imputed=(),
            accuracy_sd=None,
        )


def rank(scores: Scores) -> NDArray[np.intp]:
    """Candidate columns, best first, for each row; (b, c).

    Ties go to the lower expected cost, then to the lower column: columns are in the
    order of the models' names.
    """
    loss = np.rint(scores.score * -_TIES_PER_UNIT)
    return np.lexsort((scores.cost_usd, loss), axis=-1)


def check_alpha(alpha: float) -> None:
    """ValueError unless α is a number in [0, 1]."""
    if not math.isfinite(alpha) or not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1], not {alpha}")
