"""Both engines of an encoder make the same vectors: vLLM behind a real Ray handle."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import openai
import pytest
import pytest_asyncio

from artifacts.store import load, load_manifest
from tests.vllm.conftest import KEY, MODEL, START_S, Served

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.filterwarnings("default"),  # Ray and vLLM warn when imported
]

SHORT = ["", "a", "What is 6 × 7?", "日本の首都はどこですか", "def f(x): return x"]
LONG = ["head " * 40 + "middle " * n + "tail " * 40 for n in (1, 100, 50_000)]
MIXED = [f"Question {n}: " + "why " * (n % 40) for n in range(60)]
TEXTS = [*SHORT, *LONG, *MIXED]
WINDOW = 64


@pytest.fixture(scope="module")
def reference(tiny_artifact: Path, tmp_path_factory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("reference")
    texts, out = folder / "texts.json", folder / "vectors.npz"
    texts.write_text(json.dumps(TEXTS))
    module = "tests.vllm.reference_vectors"
    command = [sys.executable, "-m", module, *map(str, (tiny_artifact, texts, out))]
    subprocess.run(command, check=True, timeout=START_S)
    with np.load(out) as arrays:
        return dict(arrays)


@pytest_asyncio.fixture(loop_scope="session")
async def embedder(served: Served):
    from deployments.handles import RemoteEmbedder  # imports Ray, which warns

    return RemoteEmbedder(served.embedder())


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    cosines = (found.astype(float) * expected).sum(axis=1)
    np.testing.assert_allclose(cosines, 1, atol=1e-5)


async def test_short_texts_are_those_of_sentence_transformers(embedder, reference):
    found = await embedder.embed(SHORT)

    assert_same(found, reference["ours"][: len(SHORT)])
    assert_same(found, reference["theirs"][: len(SHORT)])
    others = found @ found.T - np.eye(len(SHORT))
    assert others.max() < 0.999, "else the same vector for all would pass"


async def test_long_texts_are_cut_as_the_encoder_says(embedder, reference):
    rows = slice(len(SHORT), len(SHORT) + len(LONG))
    assert (reference["lengths"][rows] == WINDOW).all()

    assert_same(await embedder.embed(LONG), reference["ours"][rows])


async def test_many_texts_at_once_are_what_each_is_alone(embedder, reference):
    expected = reference["ours"][len(SHORT) + len(LONG) :]

    assert_same(await embedder.embed(MIXED), expected)
    for row in (0, 37, 59):
        assert_same(await embedder.embed([MIXED[row]]), expected[row : row + 1])


async def test_it_says_what_it_is_and_counts_with_its_own_tokenizer(
    embedder, tiny_artifact, reference
):
    counts, exact = await embedder.count_tokens(SHORT)

    assert await embedder.spec() == load_manifest(tiny_artifact).encoder
    assert exact
    assert counts == reference["lengths"][: len(SHORT)].tolist()


async def test_it_records_its_tokens_for_serve(served, embedder):
    await embedder.embed(["tokens " * 20])
    told = await served.embedder().record_autoscaling_stats.remote()

    assert set(told) == {"queued_tokens", "tokens_per_s"}
    assert all(isinstance(value, float) for value in told.values())


async def test_the_gateway_serves_and_routes_with_its_vectors(
    served, reference, tiny_artifact
):
    artifact = load(tiny_artifact)
    decision = artifact.choose(reference["ours"][2], 0.5)
    async with openai.AsyncOpenAI(
        base_url=served.url + "/v1", api_key=KEY, max_retries=0
    ) as client:
        answer = await client.embeddings.create(model="auto", input=SHORT[2])
        body = {"model": "auto", "messages": [{"role": "user", "content": SHORT[2]}]}
        route = await client.post("/route", body=body, cast_to=object)

    assert_same(
        np.array([answer.data[0].embedding], np.float32), reference["ours"][2:3]
    )
    assert route["model"] == MODEL
    assert [each["cluster"] for each in route["clusters"]] == list(decision.clusters)
