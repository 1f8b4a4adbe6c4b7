"""τ(α) of the calibrated policy after prices have changed.

The fit lays τ out such that mean expected cost over the training queries rises evenly
with α on a logarithmic scale (`trade_off.py`). The queries are not kept, so what they
would cost now is estimated: what they cost under the old prices, which the old τ tells,
times the change that a sample of made-up queries near the centroids shows. The sample
stands for the change alone: at the old prices, τ is what it was.
"""

from dataclasses import dataclass, replace

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors, unit_rows
from artifacts.dataset import Matrix
from artifacts.policy import Scores
from artifacts.profiles import ClusterProfiles
from artifacts.smoother import Smoother, Values

_SAMPLE = 2000
_USUAL_SIMILARITY = (
    0.7  # of a query to its centroid, where the artifact has not noted it
)
_BEYOND = 3.0  # of the log worth, from the outermost knots to where α is 0 and 1
_LOWEST_SHARE = 1e-3  # of the dearest routing's cost, as at the fit


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Expectations for the made-up queries, each (n, m)."""

    accuracy: Matrix
    cost_usd: Matrix

    def log_spent(self, worths_usd: Values) -> Values:
        """log of the mean cost if a right answer is worth so much, for each worth."""
        rows = np.arange(len(self.cost_usd))
        spent = []
        for worth in worths_usd.tolist():
            choice = (worth * self.accuracy - self.cost_usd).argmax(axis=1)
            spent.append(self.cost_usd[rows, choice].mean())
        lowest = _LOWEST_SHARE * self._dearest
        return np.asarray(np.log(np.maximum(spent, lowest or 1.0)))

    @property
    def _dearest(self) -> float:
        best = self.accuracy.argmax(axis=1)
        return float(self.cost_usd[np.arange(len(best)), best].mean())


def respend(artifact: RoutingArtifact, repriced: ClusterProfiles) -> Smoother:
    """The smoother of `repriced` with its cost unit and τ for the new costs.

    `artifact` still has the old ones. ValueError if there is no smoother.
    """
    old, new = artifact.profiles.smoother, repriced.smoother
    if old is None or new is None:
        raise ValueError("only the calibrated policy has a trade-off to lay out")
    vectors = _made_up(artifact)
    before = _sample(artifact, vectors)
    after = _sample(replace(artifact, profiles=repriced), vectors)
    factor = _usual_change(before.cost_usd, after.cost_usd)
    worths = _worths(old)
    spent = before.log_spent(worths)
    change = after.log_spent(worths * factor) - spent
    evenly = np.linspace(spent[0], spent[-1], len(worths)) + change
    # A hair of slope makes plateaus invertible.
    evenly = np.maximum.accumulate(evenly) + np.linspace(0.0, 1e-9, len(worths))
    targets = np.linspace(evenly[0], evenly[-1], len(worths))
    relative = np.exp(np.interp(targets, evenly, np.log(worths))) / old.cost_unit_usd
    inner = np.maximum.accumulate(relative[1:-1] / (1 + relative[1:-1]))
    return replace(
        new,
        trade_off=np.r_[0.0, inner, 1.0],
        cost_unit_usd=old.cost_unit_usd * factor,
    )


def _usual_change(before: Matrix, after: Matrix) -> float:
    """By how much the median model's costs have changed: what a right answer is worth
    at some α changes with prices in general, not with those of one model."""
    old, new = before.mean(axis=0), after.mean(axis=0)
    paid = (old > 0) & (new > 0)
    return float(np.median(new[paid] / old[paid])) if paid.any() else 1.0


def _worths(smoother: Smoother) -> Values:
    """What a right answer is worth in USD at each knot of τ; all positive."""
    inner = smoother.trade_off[1:-1]
    inner = np.clip(inner, 1e-12, 1 - 1e-12)
    worth = np.log(smoother.cost_unit_usd * inner / (1 - inner))
    if len(worth) == 0:
        worth = np.log([smoother.cost_unit_usd])
    edges = worth[0] - _BEYOND, worth[-1] + _BEYOND
    return np.asarray(np.exp(np.r_[edges[0], worth, edges[1]]))


def _sample(artifact: RoutingArtifact, vectors: Vectors) -> _Sample:
    policy = artifact.manifest.policy
    columns = np.arange(len(artifact.models), dtype=np.intp)
    near = artifact.neighbours(vectors)
    scores: Scores = policy.score(artifact.profiles, near, 1.0, columns)
    return _Sample(scores.accuracy, scores.cost_usd)


def _made_up(artifact: RoutingArtifact) -> Vectors:
    """Unit rows as far from the centroids as training queries are, in directions in
    which centroids lie apart; seeded."""
    rng = np.random.default_rng(0)
    profiles, centroids = artifact.profiles, artifact.centroids
    known = profiles.familiarity
    cosine = known.similarity(0.5) if known else _USUAL_SIMILARITY
    cosine = min(max(cosine, 0.0), 1.0)
    of = rng.choice(len(centroids), _SAMPLE, p=profiles.query_share)
    apart = centroids - centroids.mean(axis=0)
    if not apart.any():
        return centroids[of]
    away = unit_rows(rng.normal(size=(_SAMPLE, len(apart))).astype(np.float32) @ apart)
    return unit_rows(cosine * centroids[of] + float(np.sqrt(1 - cosine**2)) * away)
