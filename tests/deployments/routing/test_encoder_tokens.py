"""What an encoder reads of a text, counted."""

import asyncio

import pytest

from artifacts.encoder import load_encoder
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import ENCODER, load_manifest
from deployments.routing.encoder_tokens import EncoderTokens


@pytest.fixture(scope="module")
def bundled():
    directory = artifact_directory(BUNDLED_ARTIFACT)
    spec = load_manifest(directory).encoder
    return spec, load_encoder(spec, directory / ENCODER).tokenizer


def test_the_encoder_s_own_tokenizer_counts_with_its_special_tokens(bundled):
    tokens = EncoderTokens(*bundled)

    assert tokens.exact
    assert tokens.count(["hello world", "hello"]) == [4, 3]


def test_nothing_is_cut_before_it_is_counted(bundled):
    spec, _ = bundled
    (count,) = EncoderTokens(*bundled).count(["word " * 1000])

    assert count == 1002 > spec.max_tokens


def test_the_prompt_counts_as_well(bundled):
    spec, tokenizer = bundled
    prompted = spec.model_copy(update={"prompt": "hello "})

    assert EncoderTokens(prompted, tokenizer).count(["world"]) == [4]


def test_half_a_surrogate_pair_is_a_character(bundled):
    assert EncoderTokens(*bundled).count(["\ud800"]) == [3]


async def test_while_a_long_text_is_counted_the_loop_goes_on(bundled):
    # Routing is answered by the same process.
    clock = asyncio.get_running_loop().time
    counting = asyncio.to_thread(EncoderTokens(*bundled).count, ["word " * 50_000])
    task, start, longest_s = asyncio.create_task(counting), clock(), 0.0
    while not task.done():
        before = clock()
        await asyncio.sleep(0)
        longest_s = max(longest_s, clock() - before)

    assert await task == [50_002]
    assert longest_s < (clock() - start) / 2  # all of it where the interpreter is held
