"""An Embedder is asked only for what is not known here."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from deployments.errors import RoutingUnavailable
from deployments.routing.cached_embedder import CachedEmbedder, RouterConfig
from deployments.telemetry.metrics import EmbedderMetrics
from tests.kept_metrics import kept
from tests.topic_artifacts import GatedEmbedder


class Lengths:
    """An Embedder whose vectors tell the length of the text."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.traces: list[str] = []

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str] = ()
    ) -> np.ndarray:
        self.calls.append(list(texts))
        self.traces += traces
        rows = [[np.nan if text == "bad" else len(text), 1] for text in texts]
        return np.array(rows, np.float32).reshape(-1, 2)


async def test_a_known_text_needs_no_call():
    embedder = Lengths()
    cached = CachedEmbedder(embedder, RouterConfig())
    await cached.embed(["a", "bb"])
    rows = await cached.embed(["bb", "a", "bb"])

    assert rows.tolist() == [[2, 1], [1, 1], [2, 1]]
    assert embedder.calls == [["a", "bb"]]


async def test_nothing_has_the_shape_of_the_embedder_s_rows():
    cached = CachedEmbedder(Lengths(), RouterConfig())

    assert (await cached.embed([])).shape == (0, 2)


async def test_without_room_every_text_is_asked_for():
    embedder = Lengths()
    cached = CachedEmbedder(embedder, RouterConfig(cache_size=0))
    await cached.embed(["a"])
    await cached.embed(["a"])

    assert embedder.calls == [["a"], ["a"]]


async def test_only_a_text_that_is_missing_has_a_span_at_the_embedder():
    embedder = Lengths()
    cached = CachedEmbedder(embedder, RouterConfig())
    await cached.embed(["a"], ["first"])
    await cached.embed(["a"], ["known"])
    await cached.embed(["b"], ["second"])

    assert embedder.traces == ["first", "second"]


async def test_a_call_that_is_cancelled_takes_only_its_own_texts_along():
    """So Ray ends a Router's call whose client has gone."""
    embedder = GatedEmbedder()
    cached = CachedEmbedder(embedder, RouterConfig(embed_concurrency=1))
    busy = asyncio.ensure_future(cached.embed(["busy"]))
    await embedder.asked.wait()
    gone = asyncio.ensure_future(cached.embed(["a", "both"]))
    stays = asyncio.ensure_future(cached.embed(["both"]))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.wait([gone])
    embedder.gate.set()
    await asyncio.gather(busy, stays)

    assert embedder.embedded == ["busy", "both"]


async def test_an_embedder_that_hangs_holds_no_place_for_good():
    class HangsOnce(Lengths):
        async def embed(
            self, texts: Sequence[str], traces: Sequence[str] = ()
        ) -> np.ndarray:
            rows = await super().embed(texts, traces)
            if len(self.calls) == 1:
                await asyncio.Event().wait()
            return rows

    config = RouterConfig(embed_concurrency=1)
    cached = CachedEmbedder(HangsOnce(), config, timeout_s=0.01)
    async with asyncio.timeout(5):
        with pytest.raises(RoutingUnavailable, match="in time"):
            await cached.embed(["a"])
        rows = await cached.embed(["bb"])

    assert rows.tolist() == [[2, 1]]


async def test_a_text_that_is_known_is_counted_as_asked_for_and_as_a_hit():
    """One that is not is counted by the Embedder, which is asked for it."""
    tally, told = kept()
    cached = CachedEmbedder(Lengths(), RouterConfig(), EmbedderMetrics(tally))
    for _ in range(3):
        await cached.embed(["a"])
    tally.flush()

    assert told.counted["avengers_embed_texts_total"] == {(): 2.0}
    assert told.counted["avengers_embed_cache_hits_total"] == {(): 2.0}


async def test_a_text_without_a_vector_takes_nothing_from_the_others_of_its_call():
    embedder = Lengths()
    cached = CachedEmbedder(embedder, RouterConfig())
    one, other = await asyncio.gather(
        cached.embed(["a", "bad"]), cached.embed(["bb", "ccc"])
    )

    assert embedder.calls == [["a", "bad", "bb", "ccc"]]
    assert other.tolist() == [[2, 1], [3, 1]]
    assert one[0].tolist() == [1, 1]
    assert np.isnan(one[1]).all()


async def test_what_has_no_vector_is_not_kept():
    embedder = Lengths()
    cached = CachedEmbedder(embedder, RouterConfig())
    for _ in range(2):
        with pytest.raises(RoutingUnavailable, match="no vector"):
            await cached.embed(["bad"])

    assert embedder.calls == [["bad"], ["bad"]]


async def test_a_text_that_has_waited_long_for_its_call_is_not_asked_for():
    embedder = GatedEmbedder()
    config = RouterConfig(embed_concurrency=1)
    cached = CachedEmbedder(embedder, config, wait_s=0.05)
    busy = asyncio.ensure_future(cached.embed(["busy"]))
    await embedder.asked.wait()
    late = asyncio.ensure_future(cached.embed(["late"]))
    await asyncio.sleep(0.1)
    fresh = asyncio.ensure_future(cached.embed(["fresh"]))
    await asyncio.sleep(0)
    embedder.gate.set()

    with pytest.raises(RoutingUnavailable, match="in time"):
        await late
    await asyncio.gather(busy, fresh)
    assert embedder.embedded == ["busy", "fresh"]
