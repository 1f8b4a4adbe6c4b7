"""A turn that came too late is told apart from an encoder that fails by a timeout."""

import asyncio

import pytest

from artifacts.encoder import load_encoder
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import ENCODER, load_manifest
from deployments.routing.batched_encoder import BatchedEncoder
from deployments.routing.pooled_encoder import PooledEncoder
from tests.deployments.routing.test_batched_encoder import Words


def later() -> float:
    return asyncio.get_running_loop().time() + 60


async def test_an_engine_s_own_timeout_is_a_failure_of_the_engine():
    directory = artifact_directory(BUNDLED_ARTIFACT)
    encoder = load_encoder(load_manifest(directory).encoder, directory / ENCODER)

    async def pool(ids):
        raise TimeoutError("the engine's own")

    pooled = PooledEncoder(encoder.spec, encoder.tokenizer, pool)
    with pytest.raises(TimeoutError, match="the engine's own"):
        await pooled.vector("text", later())
    assert pooled.load.told()["queued_tokens"] == 0


@pytest.mark.parametrize("step", ["token_ids", "encode_ids"])
async def test_an_encoder_s_own_timeout_is_a_failure_of_the_encoder(step):
    def late(_):
        raise TimeoutError("the encoder's own")

    words = Words()
    words.gate.set()
    setattr(words, step, late)
    batched = BatchedEncoder(words, max_batch_tokens=9)
    with pytest.raises(TimeoutError, match="the encoder's own"):
        await batched.vector("w", later())
