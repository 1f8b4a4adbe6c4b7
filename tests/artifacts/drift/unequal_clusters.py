"""Clusters of very unequal size, profiles as chance makes them of their queries, and
labels and requests drawn from the same truth."""

from dataclasses import dataclass, replace

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors
from artifacts.dataset import RoutingDataset
from artifacts.drift.traffic import Traffic
from artifacts.policy import PaperPolicy
from artifacts.store import load
from tests.artifacts.hand_made import bundled

SIZES = np.array([1500, 410, 80, 10])  # training queries
RARE = np.array([0.1, 0.1, 0.1, 0.7])  # shares of who asks about the rare things
TRUTH = np.array([[0.9, 0.5], [0.6, 0.8], [0.5, 0.3], [0.5, 0.6]])  # of two models
USD = np.array([[1.0, 3.0], [2.0, 2.0], [5.0, 1.0], [4.0, 8.0]]) / 1000
_WHOLE = load(bundled())


def scattered(mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Costs about a mean as answers' are: their standard deviation is their mean."""
    return mean * rng.exponential(size=mean.shape)


@dataclass(frozen=True)
class World:
    """One fit, and draws of what comes after it."""

    artifact: RoutingArtifact
    rng: np.random.Generator

    @classmethod
    def of(cls, seed: int) -> "World":
        rng = np.random.default_rng(seed)
        count = np.repeat(SIZES[:, None], 2, axis=1)
        costs = [scattered(np.tile(USD[c], (n, 1)), rng) for c, n in enumerate(SIZES)]
        cost_usd = np.stack([table.mean(axis=0) for table in costs])
        columns = slice(2)
        profiles = replace(
            _WHOLE.profiles,
            accuracy=rng.binomial(count, TRUTH) / count,
            cost_usd=cost_usd,
            count=count,
            prior_accuracy=_WHOLE.profiles.prior_accuracy[:4, columns],
            prior_cost_usd=_WHOLE.profiles.prior_cost_usd[:4, columns],
            prompt_tokens=cost_usd,
            completion_tokens=1e6 * cost_usd,
            smoother=None,
            familiarity=None,
        )
        n_records = {"n_records": int(SIZES.sum())}
        entries = [
            entry.model_copy(update=n_records)
            for entry in _WHOLE.manifest.models[columns]
        ]
        policy = PaperPolicy(n_nearest_clusters=1)
        manifest = _WHOLE.manifest.model_copy(
            update={"models": tuple(entries), "policy": policy}
        )
        return cls(RoutingArtifact(manifest, _WHOLE.centroids[:4], profiles), rng)

    def labels(
        self, n: int, shares: np.ndarray, truth: np.ndarray = TRUTH
    ) -> tuple[RoutingDataset, Vectors]:
        """Of both models on n new queries."""
        cluster = self.rng.choice(len(SIZES), n, p=shares)
        unknown = np.full((n, 2), np.nan)
        fresh = RoutingDataset(
            queries=tuple(map(str, range(n))),
            datasets=("fresh",) * n,
            models=self.artifact.models,
            score=self.rng.binomial(1, truth[cluster]).astype(float),
            cost_usd=unknown,
            prompt_tokens=unknown,
            completion_tokens=unknown,
        )
        return fresh, self.artifact.centroids[cluster]

    def requests(self, n: int, shares: np.ndarray, usd: np.ndarray = USD) -> Traffic:
        """n requests, each answered by one of the models."""
        cluster = self.rng.choice(len(SIZES), n, p=shares)
        model = self.rng.integers(0, 2, n)
        cost_usd = scattered(usd[cluster, model], self.rng)
        return Traffic(
            cluster=cluster,
            similarity=np.full(n, np.nan),
            strange=np.zeros(n, dtype=bool),
            model=model,
            cost_usd=cost_usd,
            completion_tokens=1e6 * cost_usd,
        )
