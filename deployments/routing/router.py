"""The Router deployment: holds artifacts and decides."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.errors import BadInput
from artifacts.manifest import Manifest
from artifacts.policy import RoutingDecision
from deployments.errors import InvalidRequest, RoutingUnavailable, ServingError
from deployments.protocol.routing import (
    ArtifactRef,
    ClusterView,
    EmbedderLike,
    Explanation,
    RouteQuery,
    Routes,
    RouteTimings,
    decided,
)
from deployments.rollout import DEFAULT
from deployments.routing.deciding import decide
from deployments.routing.shadowing import with_shadow
from deployments.routing.shelf import Load, Shelf, load_at
from deployments.routing.vectors import Vector

logger = logging.getLogger(__name__)

Outcome = RoutingDecision | ServingError

# What the shadows of one batch may take together; the rest of them are left out, so
# that no answer waits for a decision that nobody acts on.
_SHADOWS_S = 0.02


class Router:
    """Embeds queries (in another deployment) and ranks the models for each.

    It has an artifact of its own, and loads others that queries name: one query is
    never held up by an artifact that is being loaded for another.
    """

    def __init__(
        self,
        embedder: EmbedderLike,
        artifact: RoutingArtifact,
        load: Load = load_at,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._embedder = embedder
        self._artifact = artifact
        self._shelf = Shelf(artifact.manifest.encoder, load)
        self._clock = clock

    @property
    def artifact(self) -> RoutingArtifact:
        """Its own: it decides where a query names no other."""
        return self._artifact

    def activate(self, artifact: RoutingArtifact) -> None:
        """Decide with another artifact from the next batch on.

        EncoderMismatch if its vectors are not those of the Embedder.
        """
        self._shelf.check_encoder(artifact)
        self._artifact = artifact

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """Load an artifact, if need be; InvalidRequest says why it cannot be used.

        `anew`: as it lies there now, whatever was loaded from there before.
        """
        if ref.name == DEFAULT:
            return self._artifact.manifest
        load = self._shelf.load_anew if anew else self._shelf.load
        try:
            return (await load(ref)).manifest
        except BadInput as error:
            message = f"The artifact {ref.name!r} cannot be used: {error}."
            raise InvalidRequest(message, code="artifact_unusable") from None

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision, or the error instead of it, for each query."""
        routes = await self._decide(list(map(self._deciding, queries)), queries)
        return replace(routes, decisions=tuple(map(_wanted, routes.decisions, queries)))

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and the cells of the artifact it rests on."""
        artifact = self._deciding(query)
        routes = await self._decide([artifact], [query])
        decision = decided(routes.decisions[0])
        return Explanation(decision, _views(artifact, decision), routes.timings)

    def _deciding(self, query: RouteQuery) -> RoutingArtifact:
        """What decides for a query: the first that is here of those it names."""
        for ref in query.artifacts.deciding if query.artifacts else ():
            if found := self._held(ref):
                return found
        return self._artifact

    def _held(self, ref: ArtifactRef) -> RoutingArtifact | None:
        return self._artifact if ref.name == DEFAULT else self._shelf.get(ref)

    async def _decide(
        self, deciding: Sequence[RoutingArtifact], queries: Sequence[RouteQuery]
    ) -> Routes:
        start = time.perf_counter()
        # A text may be asked for twice: the Embedder makes its vector once.
        firsts = [query.terms.first_text if query.terms else None for query in queries]
        texts = [query.text for query in queries]
        wanted = [*texts, *(text for text in firsts if text is not None)]
        traces = [query.traceparent for query in queries if query.traceparent]
        vectors = iter(await self._embedder.embed(wanted, traces))
        embedded = time.perf_counter()
        own = [_there(next(vectors)) for _ in queries]
        first = [None if text is None else _there(next(vectors)) for text in firsts]
        decisions = tuple(map(_outcome, deciding, queries, own, first))
        if any(query.artifacts and query.artifacts.shadow for query in queries):
            decisions = tuple(self._shadowed(decisions, queries, own, first))
        decided = time.perf_counter()
        return Routes(decisions, RouteTimings(embedded - start, decided - embedded))

    def _shadowed(
        self,
        decisions: Sequence[Outcome],
        queries: Sequence[RouteQuery],
        own: Sequence[Vector | None],
        first: Sequence[Vector | None],
    ) -> Iterator[Outcome]:
        """The decisions, each with its shadow where one is wanted, and in time."""
        until = self._clock() + _SHADOWS_S
        for place, (outcome, query) in enumerate(zip(decisions, queries, strict=True)):
            wanted = query.artifacts.shadow if query.artifacts else None
            shadow = self._held(wanted) if wanted else None
            late = self._clock() > until
            vector = None if late else own[place]
            if isinstance(outcome, ServingError) or not shadow or vector is None:
                yield outcome
            else:
                yield with_shadow(outcome, shadow, query, vector, first[place])


def _there(row: Vector) -> Vector | None:
    """Which of an Embedder's rows are none; see EmbedderLike."""
    return None if math.isnan(row[0]) else row


def _outcome(
    artifact: RoutingArtifact,
    query: RouteQuery,
    vector: Vector | None,
    first: Vector | None,
) -> Outcome:
    """Queries of several clients go together: an error of one is not the others'."""
    if vector is None:
        what = "The embedder has no vector of the text."
        return RoutingUnavailable(what, retry_after_s=1.0)
    try:
        return decide(artifact, query, vector, first)
    except ServingError as error:
        return error
    # Nor is one that nobody foresaw, as of an artifact that one tenant alone tries.
    except Exception:
        logger.exception("the artifact %s failed", artifact.artifact_id[:12])
        return RoutingUnavailable("The router failed.")


def _wanted(outcome: Outcome, query: RouteQuery) -> Outcome:
    if query.scores or isinstance(outcome, ServingError):
        return outcome
    return outcome.without_scores()


def _views(
    artifact: RoutingArtifact, decision: RoutingDecision
) -> tuple[ClusterView, ...]:
    columns = np.array([artifact.models.index(model) for model in decision.ranking])
    clusters = np.array(decision.clusters)
    cells = artifact.profiles.cells(clusters, columns)
    count = artifact.profiles.count[clusters[:, None], columns]
    return tuple(
        ClusterView(
            cluster=decision.clusters[row],
            similarity=decision.similarities[row],
            accuracy=tuple(cells[row, 0].tolist()),
            cost_usd=tuple(cells[row, 1].tolist()),
            count=tuple(count[row].tolist()),
        )
        for row in range(len(decision.clusters))
    )
