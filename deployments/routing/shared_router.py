"""A Router behind a hop that the requests of one Gateway share."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from artifacts.manifest import Manifest
from deployments.coalescing import Coalescer
from deployments.errors import RoutingUnavailable
from deployments.protocol.routing import (
    ArtifactRef,
    Explanation,
    RouteQuery,
    RouterLike,
    Routes,
)
from deployments.routing.call_share import call_share

# A call whose texts' vectors are known takes two or three milliseconds.
_SLOW_S = 0.005


class SharedRouter:
    """Queries that arrive while calls are under way go together in the next one.

    Those with texts that were decided on before have calls of their own: the Router
    has their vectors, and a call is over when the last of its queries is. Where it has
    forgotten them the call takes as long as one for new texts, which harms nobody.
    """

    def __init__(
        self,
        router: RouterLike,
        *,
        calls: int = 1,
        timeout_s: float | None = None,
        slow_s: float = _SLOW_S,
        remembered: int = 10_000,
    ) -> None:
        """`calls`: how many of each kind may be under way, each for `timeout_s`; of
        those that take longer than `slow_s`, more (see `Coalescer`). `remembered`: how
        many texts count as known, about as many as a Router keeps vectors of.

        All that a call is for were there when it began, so at `timeout_s` none of them
        waits any more: the next call is free to reach another replica.
        """
        self._router = router
        self._known, self._new = (
            Coalescer[RouteQuery, Routes](
                self._ask,
                weigh=_share,
                concurrency=calls,
                timeout_s=timeout_s,
                slow_s=slow_s,
            )
            for _ in range(2)
        )
        self._seen = _Seen(remembered)

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision for each query; the timings are those of a shared call."""
        try:
            routes = await asyncio.gather(*map(self._routed, queries))
        except TimeoutError:
            what = "The router did not answer in time."
            raise RoutingUnavailable(what, retry_after_s=1.0) from None
        decisions = tuple(outcome for each in routes for outcome in each.decisions)
        return Routes(decisions, routes[-1].timings)

    async def _routed(self, query: RouteQuery) -> Routes:
        first = query.terms.first_text if query.terms else None
        known = self._seen.has(query.text, first)
        routes = await (self._known(query) if known else self._new(query))
        self._seen.add(query.text, first)
        return routes

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and why: in a call of its own."""
        return await self._router.explain(query)

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """What an artifact says of itself: in a call of its own."""
        return await self._router.describe(ref, anew=anew)

    async def _ask(self, queries: Sequence[RouteQuery]) -> Sequence[Routes]:
        routes = await self._router.route(queries)
        return [Routes((decision,), routes.timings) for decision in routes.decisions]


def _share(query: RouteQuery) -> float:
    return call_share(query.text, query.terms.first_text if query.terms else None)


class _Seen:
    """The texts that were asked about last; their hashes, not they, are kept."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._hashes: OrderedDict[int, None] = OrderedDict()

    def has(self, *texts: str | None) -> bool:
        return hash(texts) in self._hashes

    def add(self, *texts: str | None) -> None:
        self._hashes[hash(texts)] = None
        self._hashes.move_to_end(hash(texts))
        if len(self._hashes) > self._capacity:
            self._hashes.popitem(last=False)
