"""The Router deployment: holds an artifact and decides."""

import time
from collections.abc import Sequence

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.errors import EncoderMismatch
from artifacts.policy import RoutingDecision
from deployments.errors import RoutingUnavailable
from deployments.protocol import (
    ClusterView,
    EmbedderLike,
    Explanation,
    RouteQuery,
    Routes,
    RouteTimings,
)


class Router:
    """Embeds queries (in another deployment) and ranks the models for each."""

    def __init__(self, embedder: EmbedderLike, artifact: RoutingArtifact) -> None:
        self._embedder = embedder
        self._artifact = artifact

    @property
    def artifact(self) -> RoutingArtifact:
        """The artifact that decides now."""
        return self._artifact

    def activate(self, artifact: RoutingArtifact) -> None:
        """Decide with another artifact from the next batch on.

        EncoderMismatch if its vectors are not those of the Embedder.
        """
        ours, theirs = self._artifact.manifest.encoder, artifact.manifest.encoder
        if differences := ours.differences(theirs):
            what = "the artifact is for another encoder than the one that runs"
            raise EncoderMismatch(f"{what}: {'; '.join(differences)}")
        self._artifact = artifact

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision for each query; RoutingUnavailable if one cannot be made."""
        return await self._decide(self._artifact, queries)

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and the cells of the artifact it rests on."""
        artifact = self._artifact
        routes = await self._decide(artifact, [query])
        decision = routes.decisions[0]
        return Explanation(decision, _views(artifact, decision), routes.timings)

    async def _decide(
        self, artifact: RoutingArtifact, queries: Sequence[RouteQuery]
    ) -> Routes:
        start = time.perf_counter()
        vectors = await self._embedder.embed([query.text for query in queries])
        embedded = time.perf_counter()
        decisions = tuple(
            artifact.choose(vector, query.alpha, _known(artifact, query))
            for vector, query in zip(vectors, queries, strict=True)
        )
        decided = time.perf_counter()
        return Routes(decisions, RouteTimings(embedded - start, decided - embedded))


def _known(artifact: RoutingArtifact, query: RouteQuery) -> tuple[str, ...] | None:
    """The candidates that the artifact has records of.

    The catalog may be ahead of the artifact: a model that nobody has measured cannot
    be compared, but it must not stop the others.
    """
    if query.candidates is None:
        return None
    known = tuple(model for model in query.candidates if model in artifact.column_of)
    if not known:
        raise RoutingUnavailable("The artifact holds no records of any candidate.")
    return known


def _views(
    artifact: RoutingArtifact, decision: RoutingDecision
) -> tuple[ClusterView, ...]:
    columns = np.array([artifact.models.index(model) for model in decision.ranking])
    clusters = np.array(decision.clusters)[:, None]
    accuracy, cost_usd = artifact.profiles.cells(clusters, columns)
    count = artifact.profiles.count[clusters, columns]
    return tuple(
        ClusterView(
            cluster=decision.clusters[row],
            similarity=decision.similarities[row],
            accuracy=tuple(accuracy[row].tolist()),
            cost_usd=tuple(cost_usd[row].tolist()),
            count=tuple(count[row].tolist()),
        )
        for row in range(len(decision.clusters))
    )
