"""Queries of several requests share a call to the Router."""

import asyncio
from collections.abc import Sequence

from deployments.errors import RoutingUnavailable
from deployments.protocol.routing import (
    Explanation,
    RequestTerms,
    RouteQuery,
    Routes,
    RouteTimings,
)
from deployments.routing.cached_embedder import CachedEmbedder, RouterConfig
from deployments.routing.router import Router
from deployments.routing.shared_router import SharedRouter
from tests.fakes import decision
from tests.topic_artifacts import GatedEmbedder, topic_artifact


class SlowRouter:
    """Decides once it is let; a query "none" cannot be decided."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        self.batches.append([query.text for query in queries])
        await self.open.wait()
        outcomes = [
            RoutingUnavailable("no") if query.text == "none" else decision(query)
            for query in queries
        ]
        return Routes(tuple(outcomes), RouteTimings(1.0, 2.0))

    async def explain(self, query: RouteQuery) -> Explanation:
        return Explanation(decision(query), (), RouteTimings(0.0, 0.0))


def query(text: str, alpha: float = 0.5) -> RouteQuery:
    return RouteQuery(text, alpha)


async def test_what_arrives_meanwhile_shares_the_next_call():
    slow = SlowRouter()
    router = SharedRouter(slow, calls=2)
    alphas = (0.1, 0.2, 0.3, 0.4, 0.5)
    asking = [asyncio.ensure_future(router.route([query("q", a)])) for a in alphas]
    await asyncio.sleep(0.01)
    slow.open.set()
    routes = await asyncio.gather(*asking)

    assert [len(batch) for batch in slow.batches] == [1, 1, 3]
    assert [each.decisions[0].alpha for each in routes] == list(alphas)
    assert routes[0].timings == RouteTimings(1.0, 2.0)


async def test_an_error_is_that_of_its_query_only():
    slow = SlowRouter()
    slow.open.set()
    routes = await SharedRouter(slow).route([query("none"), query("some")])

    none, some = routes.decisions
    assert isinstance(none, RoutingUnavailable)
    assert some.ranking == ("small", "large")


async def test_queries_that_were_given_up_reach_the_router_no_more():
    """One whose call is under way is embedded: Ray's call goes on without us."""
    embedder = GatedEmbedder()
    cached = CachedEmbedder(embedder, RouterConfig(embed_concurrency=1))
    router = SharedRouter(Router(cached, topic_artifact()), slow_s=60)
    burst = [asyncio.ensure_future(router.route([query(f"{i}")])) for i in range(300)]
    await embedder.asked.wait()
    for asking in burst:
        asking.cancel()
    await asyncio.wait(burst)
    embedder.gate.set()
    routes = await router.route([query("fresh", 1)])

    assert routes.decisions[0].ranking[0] == "coder"
    assert embedder.embedded == ["0", "fresh"]


async def test_what_is_known_goes_with_nothing_that_has_to_be_embedded():
    embedder = GatedEmbedder()
    cached = CachedEmbedder(embedder, RouterConfig(embed_concurrency=1))
    router = SharedRouter(Router(cached, topic_artifact()), slow_s=60)
    embedder.gate.set()
    await router.route([query("known", 1)])
    embedder.gate.clear()
    new = [asyncio.ensure_future(router.route([query(f"{i}", 1)])) for i in range(3)]

    async with asyncio.timeout(5):
        known = await router.route([query("known", 1)])
    assert known.decisions[0].ranking[0] == "coder"
    assert not any(asking.done() for asking in new)
    embedder.gate.set()
    await asyncio.gather(*new)


async def test_a_text_is_known_together_with_that_of_its_conversation():
    embedder = GatedEmbedder()
    embedder.gate.set()
    cached = CachedEmbedder(embedder, RouterConfig())
    router = SharedRouter(Router(cached, topic_artifact()), slow_s=60)
    await router.route([query("known", 1)])
    embedder.gate.clear()
    terms = RequestTerms(10, (), first_text="never seen")
    goes_on = asyncio.ensure_future(router.route([RouteQuery("known", 1, terms=terms)]))

    async with asyncio.timeout(5):
        await router.route([query("known", 1)])
    assert not goes_on.done()
    embedder.gate.set()
    await goes_on


async def test_texts_are_remembered_as_long_as_there_is_room():
    slow = SlowRouter()
    slow.open.set()
    router = SharedRouter(slow, slow_s=60, remembered=1)
    await router.route([query("a")])
    await router.route([query("b")])
    slow.open.clear()
    slow.batches.clear()
    asking = [asyncio.ensure_future(router.route([query(text)])) for text in "abc"]
    await asyncio.sleep(0.01)

    assert slow.batches == [["a"], ["b"]], "b in a call of its own, c waits behind a"
    slow.open.set()
    await asyncio.gather(*asking)


async def test_a_slow_call_holds_back_the_next_for_a_time_only():
    slow = SlowRouter()
    router = SharedRouter(slow)
    first = asyncio.ensure_future(router.route([query("a")]))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(router.route([query("b")]))
    async with asyncio.timeout(5):
        while len(slow.batches) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    slow.open.set()

    await asyncio.gather(first, second)


async def test_a_router_that_hangs_does_not_hold_up_those_that_come_later():
    """Of two replicas, Ray asks the other one next."""

    class HangsOnce(SlowRouter):
        async def route(self, queries: Sequence[RouteQuery]) -> Routes:
            if self.batches:
                self.open.set()
            return await super().route(queries)

    router = SharedRouter(HangsOnce(), timeout_s=0.01, slow_s=60)
    async with asyncio.timeout(5):
        hung, routes = await asyncio.gather(
            router.route([query("a")]),
            router.route([query("b")]),
            return_exceptions=True,
        )

    assert isinstance(hung, RoutingUnavailable)
    assert routes.decisions[0].ranking == ("small", "large")


async def test_long_texts_share_no_call():
    """With 64 of them one would be larger than what may cross at a time."""
    slow = SlowRouter()
    slow.open.set()
    router = SharedRouter(slow, slow_s=60)
    long = "x" * 2**18
    texts = ["first", "a", long + "a", long + "b", "b"]
    await asyncio.gather(*(router.route([query(text)]) for text in texts))

    assert slow.batches == [["first"], ["a"], [long + "a"], [long + "b"], ["b"]]
