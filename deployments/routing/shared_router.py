"""A Router behind a hop that the requests of one Gateway share."""

import asyncio
from collections.abc import Sequence

from artifacts.manifest import Manifest
from deployments.errors import RoutingUnavailable
from deployments.protocol.routing import (
    ArtifactRef,
    Explanation,
    RouteQuery,
    RouterLike,
    Routes,
)
from deployments.routing.coalescing import Coalescer

# A call whose texts' vectors are known takes two or three milliseconds. One that takes
# longer waits for an encoder, which is nothing to those that need none.
_SLOW_S = 0.005


class SharedRouter:
    """Queries that arrive while calls are under way go together in the next one."""

    def __init__(
        self,
        router: RouterLike,
        *,
        calls: int = 1,
        timeout_s: float | None = None,
        slow_s: float = _SLOW_S,
    ) -> None:
        """`calls`: how many may be under way, each for `timeout_s`; of those that take
        longer than `slow_s`, more (see `Coalescer`).

        All that a call is for were there when it began, so at `timeout_s` none of them
        waits any more: the next call is free to reach another replica.
        """
        self._router = router
        self._route = Coalescer[RouteQuery, Routes](
            self._ask, concurrency=calls, timeout_s=timeout_s, slow_s=slow_s
        )

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision for each query; the timings are those of a shared call."""
        try:
            routes = await asyncio.gather(*map(self._route, queries))
        except TimeoutError:
            what = "The router did not answer in time."
            raise RoutingUnavailable(what, retry_after_s=1.0) from None
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
