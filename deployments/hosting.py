"""A Router or a backend in the process of who asks it, behind the same protocols.

What Ray handles do to unforeseen errors is done here too: one in the Router must not
fail a request, and one in a backend is a reason to ask another model.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from artifacts.manifest import Manifest
from deployments.errors import RoutingUnavailable, UpstreamError
from deployments.handles import translated
from deployments.protocol.backend import (
    Answer,
    Backend,
    BackendRequest,
    Item,
    Settlement,
)
from deployments.protocol.routing import (
    ArtifactRef,
    Explanation,
    RouteQuery,
    RouterLike,
    Routes,
)


class HostedRouter:
    """A Router of this process."""

    def __init__(self, router: RouterLike) -> None:
        self._router = router

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision for each query."""
        with translated("router", RoutingUnavailable):
            return await self._router.route(queries)

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and why."""
        with translated("router", RoutingUnavailable):
            return await self._router.explain(query)

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """What an artifact says of itself; InvalidRequest if it cannot be used."""
        with translated("router", RoutingUnavailable):
            return await self._router.describe(ref, anew=anew)


class HostedBackend:
    """A backend of this process; frames are not gathered: no handle is crossed."""

    def __init__(self, backend: Backend, name: str) -> None:
        self._backend = backend
        self._name = name

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer."""
        with translated(self._name, UpstreamError):
            return await self._backend.complete(request)

    async def stream(self, request: BackendRequest) -> AsyncIterator[Item]:
        """Events as they come, then the settlement; leaving early cancels."""
        with translated(self._name, UpstreamError):
            async with aclosing(self._backend.stream(request)) as items:  # type: ignore[type-var]
                async for item in items:
                    yield item

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """What an answer that broke off was charged."""
        with translated(self._name, UpstreamError):
            return await self._backend.settle(request, generation_id)
