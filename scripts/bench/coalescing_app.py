"""Real Router and Embedder behind an ingress that asks in one of the ways compared."""

from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import Response

from artifacts.location import BUNDLED_ARTIFACT, artifact_location
from artifacts.policy import RoutingDecision
from deployments.errors import ServingError
from deployments.handles import RemoteRouter
from deployments.protocol.routing import RouteQuery
from deployments.replicas import EmbedderReplica, RouterReplica
from deployments.routing.cached_embedder import RouterConfig
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.shared_router import SharedRouter

_RESOURCES = {"num_cpus": 0.1}


class BatchingRouter(RouterReplica):
    """Gathers what arrives, as Serve has it."""

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.002)  # type: ignore[untyped-decorator]
    async def decide(
        self, queries: list[RouteQuery]
    ) -> list[RoutingDecision | ServingError]:
        """One query of a request; called with those of several."""
        return list((await self.route(queries)).decisions)


class Asker:
    """One decision for each request; the body is the text."""

    def __init__(self, router: DeploymentHandle, way: str) -> None:
        self._decide = router.decide if way == "serve.batch" else None
        self._router: Any = RemoteRouter(router)
        if way.startswith("shared"):
            calls = int(way.split()[1])
            self._router = SharedRouter(RemoteRouter(router), calls=calls)

    async def __call__(self, request: Request) -> Response:
        text = (await request.body()).decode()
        query = RouteQuery(text, alpha=0.5, scores=False)  # as a Gateway asks
        if self._decide is not None:
            decision = await self._decide.remote(query)
        else:
            decision = (await self._router.route([query])).decisions[0]
        return Response(decision.ranking[0])


def build_app(args: dict[str, str]) -> serve.Application:
    """`way`: one of `scripts.bench.coalescing.WAYS`."""
    artifact = artifact_location(BUNDLED_ARTIFACT)
    embedder = _deployment(EmbedderReplica, "Embedder").bind(artifact, EmbedderConfig())
    kind = BatchingRouter if args["way"] == "serve.batch" else RouterReplica
    router = _deployment(kind, "Router").bind(embedder, artifact, RouterConfig())
    return _deployment(Asker, "Asker").bind(router, args["way"])


def _deployment(kind: type[Any], name: str) -> serve.Deployment:
    return serve.deployment(
        kind, name=name, max_ongoing_requests=512, ray_actor_options=_RESOURCES
    )
