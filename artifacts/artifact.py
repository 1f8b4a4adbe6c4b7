"""The routing artifact: centroids, profiles and a manifest that explains them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from artifacts.arrays import arrays_digest, arrays_of, profiles_of
from artifacts.candidates import Candidates
from artifacts.clustering import Vectors, nearest
from artifacts.dataset import Matrix
from artifacts.errors import EncoderMismatch
from artifacts.global_profile import GlobalProfile, put_rows
from artifacts.manifest import Extension, Manifest, ModelEntry, Provenance
from artifacts.policy import (
    Neighbours,
    RoutingDecision,
    Scores,
    check_alpha,
    rank,
)
from artifacts.profiles import ClusterProfiles

__all__ = [
    "Extension",
    "Manifest",
    "ModelEntry",
    "Provenance",
    "RoutingArtifact",
    "arrays_digest",
    "arrays_of",
    "profiles_of",
]


@dataclass(frozen=True, eq=False)
class RoutingArtifact:
    """What the router holds. `centroids` are unit rows, float32 (k, d)."""

    manifest: Manifest
    centroids: Vectors
    profiles: ClusterProfiles

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Models that can be chosen, sorted; the columns of the profiles."""
        return tuple(entry.model for entry in self.manifest.models)

    @cached_property
    def candidates(self) -> Candidates:
        """Which of `models` a decision is among."""
        return Candidates(self.models)

    @property
    def column_of(self) -> dict[str, int]:
        """The profiles' column of each model."""
        return self.candidates.column_of

    @property
    def artifact_id(self) -> str:
        """sha256 of the arrays."""
        return self.manifest.artifact_id

    def neighbours(self, vectors: Vectors) -> Neighbours:
        """The clusters nearest to each unit row of `vectors` (b, d)."""
        given, own = vectors.shape[1], self.centroids.shape[1]
        if given != own:
            expected = f"{self.manifest.encoder.id} ({own} values)"
            what = f"vectors of {given} values; the artifact is for {expected}"
            raise EncoderMismatch(what)
        n = self.manifest.policy.n_nearest_clusters
        return Neighbours(*nearest(vectors, self.centroids, n), vectors)

    def score(
        self, vectors: Vectors, alpha: float, candidates: Sequence[str] | None = None
    ) -> tuple[Scores, NDArray[np.intp]]:
        """Scores (b, c) for unit rows, and the models' columns that they are for."""
        check_alpha(alpha)
        columns = self.candidates.columns(candidates)
        neighbours = self.neighbours(vectors)
        policy = self.manifest.policy
        scores = policy.score(self.profiles, neighbours, alpha, columns)
        strange = neighbours.similarity[:, 0] < self.least_similarity
        if strange.any():
            scores = put_rows(scores, strange, self._global_scores(alpha, columns))
        return scores, columns

    def choose(
        self,
        vector: NDArray[np.float32],
        alpha: float,
        candidates: Sequence[str] | None = None,
    ) -> RoutingDecision:
        """The decision for one unit vector (d,) among `candidates` (all if None).

        ValueError: α outside [0, 1], unknown candidate, or none.
        """
        check_alpha(alpha)
        columns = self.candidates.columns(candidates)
        neighbours = self.neighbours(vector[None, :])
        policy = self.manifest.policy
        clusters = neighbours.clusters[0]
        similarities = tuple(neighbours.similarity[0].tolist())
        strange = similarities[0] < self.least_similarity
        if strange:
            scores = self._global_scores(alpha, columns)
            imputed = self.global_profile.imputed.take(columns)
        else:
            scores = policy.score(self.profiles, neighbours, alpha, columns)
            imputed = self.profiles.unmeasured(clusters, columns)
        order = rank(scores)[0]
        names, sd = self.models, scores.accuracy_sd
        familiarity = self.profiles.familiarity
        return RoutingDecision(
            ranking=tuple([names[column] for column in columns.take(order).tolist()]),
            scores=_in_order(scores.score, order),
            expected_accuracy=_in_order(scores.accuracy, order),
            expected_cost_usd=_in_order(scores.cost_usd, order),
            imputed=tuple(imputed.take(order).tolist()),
            clusters=tuple(clusters.tolist()),
            similarities=similarities,
            alpha=alpha,
            policy=policy.kind,
            artifact_id=self.artifact_id,
            accuracy_sd=None if sd is None else _in_order(sd, order),
            out_of_distribution=strange,
            similarity_percentile=familiarity.percentile(similarities[0])
            if familiarity
            else None,
        )

    @cached_property
    def global_profile(self) -> GlobalProfile:
        """What decides for a query that no training query is like."""
        return GlobalProfile.of(self.profiles)

    def _global_scores(self, alpha: float, columns: NDArray[np.intp]) -> Scores:
        policy = self.manifest.policy
        return self.global_profile.score(policy, self.profiles, alpha, columns)

    @cached_property
    def least_similarity(self) -> float:
        """The cosine to the nearest centroid below which the clusters do not decide."""
        familiarity = self.profiles.familiarity
        quantile = self.manifest.out_of_distribution_quantile
        return (
            familiarity.similarity(quantile) if familiarity and quantile else -math.inf
        )


def _in_order(values: Matrix, order: NDArray[np.intp]) -> tuple[float, ...]:
    """The single row of `values` (1, c), best model first."""
    return tuple(values.take(order).tolist())
