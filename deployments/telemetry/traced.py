"""Backend, Router and Embedder with a span around what they do.

Each wraps the plain part behind the same protocol, and only where traces are on.
Several queries share a call of Router and Embedder: each that is traced has a span of
its own in its own trace, all with the same times.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from artifacts.manifest import Manifest
from artifacts.policy import RoutingDecision
from deployments.errors import ServingError
from deployments.protocol.backend import (
    Answer,
    Backend,
    BackendRequest,
    Item,
    Settlement,
    settlement_of,
)
from deployments.protocol.routing import (
    ArtifactRef,
    Explanation,
    QueueingEmbedder,
    RouteQuery,
    RouterLike,
    Routes,
)
from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.gen_ai import answered, asked, embedded
from deployments.telemetry.spans import Span, Tracer, ended, error_type, make_tracer


class TracedBackend:
    """A Backend; its span is that of the model's answer."""

    def __init__(
        self, backend: Backend, tracer: Tracer, *, prompts: bool = False
    ) -> None:
        self._backend = backend
        self._tracer = tracer
        self._prompts = prompts

    async def complete(self, request: BackendRequest) -> Answer:
        """See Backend."""
        span = self._start(request)
        if span is None:
            return await self._backend.complete(request)
        with ended([span]):
            told = replace(request, traceparent=span.traceparent)
            answer = await self._backend.complete(told)
            span.set(answered(answer.settlement))
            return answer

    async def stream(self, request: BackendRequest) -> AsyncIterator[Item]:
        """See Backend."""
        span = self._start(request)
        told = request
        if span is not None:
            told = replace(request, traceparent=span.traceparent)
        with ended([span]):
            async with aclosing(self._backend.stream(told)) as items:  # type: ignore[type-var]
                async for item in items:
                    if span is not None and not isinstance(item, bytes):
                        span.set(answered(settlement_of(item)))
                    yield item

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """See Backend."""
        return await self._backend.settle(request, generation_id)

    def _start(self, request: BackendRequest) -> Span | None:
        if request.traceparent is None:
            return None
        name, attributes = asked(request, prompts=self._prompts)
        return self._tracer.start(
            name, parent=request.traceparent, kind="client", attributes=attributes
        )


class TracedRouter:
    """A Router; each query's span holds its decision."""

    def __init__(self, router: RouterLike, tracer: Tracer) -> None:
        self._router = router
        self._tracer = tracer

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """See RouterLike."""
        spans = [self._start(query) for query in queries]
        told = [
            query if span is None else replace(query, traceparent=span.traceparent)
            for query, span in zip(queries, spans, strict=True)
        ]
        with ended(spans):
            routes = await self._router.route(told)
            for span, outcome in zip(spans, routes.decisions, strict=True):
                if span is not None:
                    _tell(span, outcome, len(queries))
            return routes

    async def explain(self, query: RouteQuery) -> Explanation:
        """See RouterLike."""
        return await self._router.explain(query)

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """See RouterLike."""
        return await self._router.describe(ref, anew=anew)

    def _start(self, query: RouteQuery) -> Span | None:
        if query.traceparent is None:
            return None
        attributes = {"avengers.alpha": query.alpha}
        return self._tracer.start(
            "route", parent=query.traceparent, attributes=attributes
        )


class TracedEmbedder:
    """An Embedder; `traces` are the spans that wait for the vectors."""

    def __init__(
        self, embedder: QueueingEmbedder, tracer: Tracer, encoder: str
    ) -> None:
        self._embedder = embedder
        self._tracer = tracer
        self._encoder = encoder

    async def embed(
        self,
        texts: Sequence[str],
        traces: Sequence[str] = (),
        within_s: float | None = None,
    ) -> NDArray[np.float32]:
        """See QueueingEmbedder."""
        name, attributes = embedded(self._encoder, len(texts))
        start = self._tracer.start
        spans = [start(name, parent=trace, attributes=attributes) for trace in traces]
        with ended(spans):
            return await self._embedder.embed(texts, (), within_s)


def traced_backend(backend: Backend, name: str, config: TelemetryConfig) -> Backend:
    """A backend with its spans, or as it is while traces are off."""
    tracer = make_tracer(config, name)
    if tracer is None:
        return backend
    return TracedBackend(backend, tracer, prompts=config.capture_prompts)


def traced_router(router: RouterLike, config: TelemetryConfig) -> RouterLike:
    """A Router with its spans, or as it is while traces are off."""
    tracer = make_tracer(config, "Router")
    return router if tracer is None else TracedRouter(router, tracer)


def traced_embedder(
    embedder: QueueingEmbedder, encoder: str, config: TelemetryConfig
) -> QueueingEmbedder:
    """An Embedder with its spans, or as it is while traces are off."""
    tracer = make_tracer(config, "Embedder")
    return embedder if tracer is None else TracedEmbedder(embedder, tracer, encoder)


def _tell(span: Span, outcome: RoutingDecision | ServingError, n_queries: int) -> None:
    span.set({"avengers.batch_size": n_queries})
    if isinstance(outcome, ServingError):
        span.failed(error_type(outcome))
        return
    nearest = outcome.similarities[0] if outcome.similarities else None
    span.set(
        {
            "avengers.model": outcome.model,
            "avengers.artifact": outcome.artifact_id,
            "avengers.policy": outcome.policy,
            "avengers.nearest_similarity": nearest,
            "avengers.out_of_distribution": outcome.out_of_distribution,
        }
    )
