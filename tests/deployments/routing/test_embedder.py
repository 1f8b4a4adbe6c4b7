"""Each distinct text is encoded once."""

import asyncio
import logging
import math

import numpy as np
import pytest

from deployments.errors import RoutingUnavailable
from deployments.routing.embedder import Embedder
from deployments.telemetry.metrics import EmbedderMetrics
from tests.artifacts.hand_made import SPEC
from tests.kept_metrics import kept


class Lengths:
    """An encoder whose vectors tell the length of the text."""

    spec = SPEC

    def __init__(self) -> None:
        self.encoded: list[str] = []

    async def vector(self, text: str, until: float = math.inf) -> np.ndarray:
        self.encoded.append(text)
        await asyncio.sleep(0)
        if asyncio.get_running_loop().time() > until:
            raise RoutingUnavailable("too late")
        if text == "bad":
            raise RuntimeError("CUDA error")
        return np.array([len(text), 1], np.float32)


def embedder(cache_size: int = 10) -> tuple[Embedder, Lengths]:
    encoder = Lengths()
    return Embedder(encoder, cache_size=cache_size), encoder


async def test_rows_come_in_the_order_of_the_texts():
    made, _ = embedder()

    assert (await made.embed(["aaa", "b", "cc"]))[:, 0].tolist() == [3, 1, 2]
    assert (await made.embed([])).shape == (0, 2)


async def test_identical_texts_are_encoded_once():
    made, encoder = embedder()

    await asyncio.gather(made.embed(["same", "same"]), made.embed(["same"]))
    await made.embed(["same"])

    assert encoder.encoded == ["same"]


async def test_the_least_recently_used_text_leaves_the_cache():
    made, encoder = embedder(cache_size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await made.embed([text])

    assert encoder.encoded == ["a", "b", "c", "b"]


async def test_a_caller_that_is_cancelled_does_not_take_the_text_away():
    made, encoder = embedder()
    gone = asyncio.ensure_future(made.embed(["x"]))
    stays = asyncio.ensure_future(made.embed(["x"]))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await stays)[0, 0] == 1
    assert encoder.encoded == ["x"]


async def test_texts_and_cache_hits_are_counted():
    tally, told = kept()
    made = Embedder(Lengths(), cache_size=10, metrics=EmbedderMetrics(tally))
    await made.embed(["one", "two"])
    await made.embed(["one"])
    tally.flush()

    assert told.counted["avengers_embed_texts_total"] == {(): 3.0}
    assert told.counted["avengers_embed_cache_hits_total"] == {(): 1.0}


async def test_a_text_that_the_encoder_fails_at_takes_nothing_from_the_others(caplog):
    made, _ = embedder()
    with caplog.at_level(logging.ERROR):
        rows = await made.embed(["aaa", "bad", "cc"])

    assert rows[[0, 2], 0].tolist() == [3, 2]
    assert np.isnan(rows[1]).all()
    assert "CUDA error" in caplog.text
    assert "bad" not in caplog.text


async def test_where_no_text_has_a_vector_it_is_told_why():
    made, _ = embedder()

    with pytest.raises(RuntimeError, match="CUDA error"):
        await made.embed(["bad"])


async def test_a_text_whose_turn_does_not_come_in_time_has_no_vector():
    made, _ = embedder()
    await made.embed(["known"])
    rows = await made.embed(["known", "new"], within_s=0)

    assert rows[0, 0] == 5
    assert np.isnan(rows[1]).all()
    assert (await made.embed(["new"]))[0, 0] == 3
