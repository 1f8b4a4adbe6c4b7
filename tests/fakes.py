"""Collaborators of the Gateway that a test holds in its hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from artifacts.manifest import Manifest
from artifacts.policy import RoutingDecision
from deployments.errors import InvalidRequest, ServingError
from deployments.protocol.backend import (
    Answer,
    BackendRequest,
    Ending,
    Item,
    Settlement,
    Usage,
)
from deployments.protocol.routing import (
    ArtifactRef,
    Explanation,
    RouteQuery,
    Routes,
    RouteTimings,
)
from deployments.usage.record import UsageRecord
from serve_app.answering.call import BackendPort
from serve_app.answering.recording import Sink
from serve_app.config import AppConfig
from serve_app.gateway import Gateway
from serve_app.observing.observer import Observer

SETTLEMENT = Settlement(Usage(2, 3, 5), 0.25, "upstream", "Test")
# What a configuration needs beside limits and budgets; nothing here opens it.
KEPT: dict[str, Any] = {
    "database": {"url": "sqlite:///nowhere"},
    "usage": {"journal": "nowhere"},
}
FIRST_EVENT = (
    b'data: {"id":"gen-1","created":1,"choices":[{"delta":{"content":"hi"}}]}\n\n'
)
UPSTREAM = {
    "base_url": "http://nowhere/v1/",
    "surfaces": ["chat/completions", "completions", "responses"],
}
CATALOG = [
    {
        "id": name,
        "backend": "fake",
        "upstream_model": f"them/{name}",
        "capabilities": capabilities,
    }
    for name, capabilities in (("small", []), ("large", ["tools"]), ("other", []))
]


def app_config(**changes: Any) -> AppConfig:
    """Three models, two tiers, one tenant whose key is `sk-av-t`."""
    return AppConfig.model_validate(
        {
            "catalog": {"models": CATALOG},
            "cost_tiers": {
                "economy": {"alpha": 0.2},
                "narrow": {"alpha": 0.9, "models": ["small"]},
            },
            "tenants": [
                {
                    "id": "t",
                    "alpha": 0.5,
                    "models": ["small", "large"],
                    "keys": [{"env": "TEST_KEY"}],
                }
            ],
            "default_model": "large",
            "backends": {"upstreams": {"fake": UPSTREAM}},
            # On a busy machine a decision may take longer than the default second.
            "limits": {"route_timeout_s": 30},
            **changes,
        }
    )


class Records(list[UsageRecord]):
    """A sink that is never full."""

    def check(self) -> None:
        pass


class FixedRouter:
    """Ranks candidates by name, or fails, or hangs."""

    def __init__(
        self, *, error: ServingError | None = None, hang: bool = False
    ) -> None:
        self.queries: list[RouteQuery] = []
        self._error = error
        self._hang = hang

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        self.queries += queries
        if self._hang:
            await asyncio.sleep(3600)
        if self._error:
            raise self._error
        return Routes(tuple(map(decision, queries)), RouteTimings(0.0, 0.0))

    async def explain(self, query: RouteQuery) -> Explanation:
        routes = await self.route([replace(query, scores=True)])
        return Explanation(routes.decisions[0], (), routes.timings)

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        raise InvalidRequest(f"There is no {ref.name}.", code="artifact_unusable")


def decision(query: RouteQuery) -> RoutingDecision:
    ranking = tuple(sorted(query.candidates or ("large", "small"), reverse=True))
    n = len(ranking)
    made = RoutingDecision(
        ranking=ranking,
        scores=(1.0,) * n,
        expected_accuracy=(0.5,) * n,
        expected_cost_usd=(0.001,) * n,
        imputed=(False,) * n,
        clusters=(4, 2),
        similarities=(0.75, 0.5),
        alpha=query.alpha,
        policy="paper",
        artifact_id="0123456789abcdef",
    )
    return made if query.scores else made.without_scores()


class ScriptedBackend:
    """Answers "hi", unless an error is planned for the model."""

    def __init__(
        self,
        errors: dict[str, ServingError] | None = None,
        *,
        cut: ServingError | None = None,
    ) -> None:
        self.requests: list[BackendRequest] = []
        self._errors = errors or {}
        self._cut = cut
        self.charged: Settlement | None = None

    async def complete(self, request: BackendRequest) -> Answer:
        self._begin(request)
        body = {"model": request.model, "choices": [{"message": {"content": "hi"}}]}
        return Answer(orjson.dumps(body), SETTLEMENT)

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        self._begin(request)
        yield FIRST_EVENT
        if self._cut:
            raise self._cut
        yield SETTLEMENT

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        return self.charged

    def _begin(self, request: BackendRequest) -> None:
        self.requests.append(request)
        if request.model in self._errors:
            raise self._errors[request.model]


def gateway(
    router: FixedRouter | None = None,
    backend: ScriptedBackend | None = None,
    sink: Sink | None = None,
    *,
    observer: Observer | None = None,
    **config: Any,
) -> Gateway:
    """A real Gateway between a fake router and a fake backend."""
    port = BackendPort("fake", backend or ScriptedBackend(), tells_costs=True)
    ports = {"fake": port}
    router = router or FixedRouter()
    return Gateway(app_config(**config), router, ports, sink, observer=observer)


async def parts_of(items: AsyncIterator[Item]) -> tuple[list[bytes], Settlement]:
    """The frames of a backend's stream, and its settlement."""
    *frames, last = [item async for item in items]
    if isinstance(last, Ending):
        return [*frames, last.frame], last.settlement
    return frames, last
