"""A Router behind a hop that the requests of one Gateway share."""

import asyncio
from collections.abc import Sequence

from artifacts.manifest import Manifest
from deployments.protocol import (
    ArtifactRef,
    Explanation,
    RouteQuery,
    RouterLike,
    Routes,
)
from deployments.routing.coalescing import Coalescer


class SharedRouter:
    """Queries that arrive while calls are under way go together in the next one."""

    def __init__(self, router: RouterLike, *, calls: int = 1) -> None:
        """`calls`: how many may be under way."""
        self._router = router
        self._route = Coalescer[RouteQuery, Routes](self._ask, concurrency=calls)

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision for each query; the timings are those of a shared call."""
        routes = await asyncio.gather(*map(self._route, queries))
        decisions = tuple(outcome for each in routes for outcome in each.decisions)
        return Routes(decisions, routes[-1].timings)

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and why: in a call of its own."""
        return await self._router.explain(query)

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """What an artifact says of itself: in a call of its own."""
        return await self._router.describe(ref, anew=anew)

    async def _ask(self, queries: Sequence[RouteQuery]) -> Sequence[Routes]:
        routes = await self._router.route(queries)
        return [Routes((decision,), routes.timings) for decision in routes.decisions]
