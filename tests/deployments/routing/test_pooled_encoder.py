"""An engine that batches itself is given the very tokens that every engine reads."""

import asyncio

import numpy as np
import pytest

from artifacts.encoder import load_encoder
from artifacts.errors import EncoderMismatch
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import ENCODER, load_manifest
from deployments.errors import RoutingUnavailable
from deployments.routing.encoder_load import EncoderLoad
from deployments.routing.pooled_encoder import PooledEncoder
from tests.deployments.routing.test_encoder_load import Clock

DIRECTORY = artifact_directory(BUNDLED_ARTIFACT)
TEXTS = ["What is 6 × 7?", "", "word " * 5000]


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(load_manifest(DIRECTORY).encoder, DIRECTORY / ENCODER)


@pytest.mark.parametrize("text", TEXTS)
async def test_the_engine_reads_what_the_encoder_itself_reads(encoder, text):
    read = []

    async def pool(ids):
        read.append(ids)
        return np.full(384, 2.0, np.float32)

    row = await PooledEncoder(encoder.spec, encoder.tokenizer, pool).vector(text)

    assert read == encoder.token_ids([text])
    assert np.linalg.norm(row) == pytest.approx(1)


async def test_a_model_of_another_dimension_is_refused(encoder):
    async def pool(ids):
        return np.ones(8, np.float32)

    pooled = PooledEncoder(encoder.spec, encoder.tokenizer, pool)
    with pytest.raises(EncoderMismatch, match="dimension is 8, not 384"):
        await pooled.vector("text")


async def test_the_tokens_that_the_engine_has_are_counted(encoder):
    told = []

    async def pool(ids):
        told.append((pooled.load.told()["queued_tokens"], len(ids)))
        return np.ones(384, np.float32)

    pooled = PooledEncoder(encoder.spec, encoder.tokenizer, pool)
    await pooled.vector("What is 6 × 7?")

    assert told[0][0] == told[0][1] > 0
    assert pooled.load.told()["queued_tokens"] == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
async def test_a_vector_without_a_direction_is_refused(encoder, value):
    async def pool(ids):
        return np.full(384, value, np.float32)

    pooled = PooledEncoder(encoder.spec, encoder.tokenizer, pool)
    with pytest.raises(RoutingUnavailable, match="without a direction"):
        await pooled.vector("text")


async def test_an_engine_that_was_silent_for_long_is_asked_whether_it_works(encoder):
    asked, works, clock = [], asyncio.Event(), Clock()

    async def pool(ids):
        asked.append(ids)
        await works.wait()
        return np.ones(384, np.float32)

    pooled = PooledEncoder(encoder.spec, encoder.tokenizer, pool)
    pooled.load = EncoderLoad(clock)
    await pooled.check()
    assert not asked
    given_up = asyncio.ensure_future(pooled.vector("What is 6 × 7?"))
    while not asked:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    given_up.cancel()
    await asyncio.wait([given_up])

    clock.now += 60
    checked = asyncio.ensure_future(pooled.check())
    async with asyncio.timeout(10):
        while len(asked) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert asked[1:] == encoder.token_ids(["a"])
    assert not checked.done()  # Serve waits for health_check_timeout_s

    works.set()
    await checked
    await pooled.check()
    assert len(asked) == 2


async def test_what_is_given_up_while_it_waits_is_never_given_to_the_engine(encoder):
    given, works = [], asyncio.Event()

    async def pool(ids):
        given.append(ids)
        await works.wait()
        return np.ones(384, np.float32)

    [first, last] = encoder.token_ids(["the first", "the last of them"])
    pooled = PooledEncoder(
        encoder.spec, encoder.tokenizer, pool, most_tokens=len(first)
    )
    reading = asyncio.ensure_future(pooled.vector("the first"))
    while not given:  # noqa: ASYNC110
        await asyncio.sleep(0.001)

    soon = asyncio.get_running_loop().time() + 0.05
    with pytest.raises(RoutingUnavailable, match="more to do") as refused:
        await pooled.vector("one that is given up", soon)
    assert refused.value.retry_after_s == 1.0
    waiting = asyncio.ensure_future(pooled.vector("the last of them"))
    works.set()

    await asyncio.gather(reading, waiting)
    assert given == [first, last]
    assert pooled.load.told()["queued_tokens"] == 0
