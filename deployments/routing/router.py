"""The Router deployment: holds an artifact and decides."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.errors import EncoderMismatch
from artifacts.policy import RoutingDecision
from deployments.errors import ServingError
from deployments.protocol import (
    ClusterView,
    EmbedderLike,
    Explanation,
    RouteQuery,
    Routes,
    RouteTimings,
    decided,
)
from deployments.routing.deciding import Vector, decide


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
        """One decision, or the error instead of it, for each query."""
        return await self._decide(self._artifact, queries)

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and the cells of the artifact it rests on."""
        artifact = self._artifact
        routes = await self._decide(artifact, [query])
        decision = decided(routes.decisions[0])
        return Explanation(decision, _views(artifact, decision), routes.timings)

    async def _decide(
        self, artifact: RoutingArtifact, queries: Sequence[RouteQuery]
    ) -> Routes:
        start = time.perf_counter()
        # A text may be asked for twice: the Embedder makes its vector once.
        firsts = [query.terms.first_text if query.terms else None for query in queries]
        texts = [query.text for query in queries]
        wanted = [*texts, *(text for text in firsts if text is not None)]
        vectors = iter(await self._embedder.embed(wanted))
        embedded = time.perf_counter()
        own = [next(vectors) for _ in queries]
        first = [None if text is None else next(vectors) for text in firsts]
        decisions = tuple(map(partial(_outcome, artifact), queries, own, first))
        decided = time.perf_counter()
        return Routes(decisions, RouteTimings(embedded - start, decided - embedded))


def _outcome(
    artifact: RoutingArtifact, query: RouteQuery, vector: Vector, first: Vector | None
) -> RoutingDecision | ServingError:
    """Queries of several clients go together: an error of one is not the others'."""
    try:
        return decide(artifact, query, vector, first)
    except ServingError as error:
        return error


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
