"""The engines that `scripts/bench/embedder` measures, each as the Embedder uses it."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from artifacts.encoder import EncoderRun, EncoderSpec, load_encoder
from artifacts.token_window import TokenIds, plain
from deployments.routing.batched_encoder import BatchedEncoder
from deployments.routing.embedder import TextEncoder
from deployments.routing.pooled_encoder import PooledEncoder
from deployments.routing.vectors import Vector

ENGINES = ("sentence-transformers", "vllm")
ONNX = "ONNX Runtime"
_MODULES = {"sentence-transformers": "sentence_transformers", "vllm": "vllm"}


@dataclass(frozen=True, slots=True)
class Model:
    """An encoder on disk, and where it is to run."""

    spec: EncoderSpec
    directory: Path
    device: str  # cpu or cuda


def missing(engine: str) -> str | None:
    """What has to be installed for the engine; None: it is."""
    module = _MODULES[engine]
    return None if find_spec(module) else module


@asynccontextmanager
async def started(
    engine: str, model: Model, budget: int
) -> AsyncIterator[tuple[TextEncoder, str]]:
    """The warm engine with batches of `budget` tokens, and what attention it uses."""
    if engine == "vllm":
        async with _vllm(model, budget) as encoder:
            yield encoder, "vLLM's own attention"
        return
    run = EncoderRun(device=model.device, token_budget=budget)
    encoder = load_encoder(model.spec, model.directory, run)
    encoder.warm_up()
    attention = getattr(encoder, "attention", "onnxruntime")
    yield BatchedEncoder(encoder, max_batch_tokens=budget), attention


@asynccontextmanager
async def _vllm(model: Model, budget: int) -> AsyncIterator[PooledEncoder]:
    """vLLM's engine with the arguments that our deployment gives it, without Ray."""
    from transformers import AutoTokenizer
    from vllm import AsyncEngineArgs, PoolingParams
    from vllm.v1.engine.async_llm import AsyncLLM

    from deployments.routing.vllm_embedder import engine_arguments

    arguments: dict[str, Any] = {
        "model": str(model.directory),
        **engine_arguments(model.spec, budget),
        "enforce_eager": model.device == "cpu",
        # The same text again must cost what it costs.
        "enable_prefix_caching": False,
    }
    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))

    async def pool(ids: TokenIds) -> Vector:
        parameters = PoolingParams(task="embed")
        prompt = {"prompt_token_ids": ids}
        async for answer in engine.encode(prompt, parameters, uuid.uuid4().hex):
            last = answer
        vector: Vector = last.outputs.data.float().numpy()
        return vector

    tokenizer = AutoTokenizer.from_pretrained(str(model.directory)).backend_tokenizer
    encoder = PooledEncoder(model.spec, plain(tokenizer), pool)
    try:
        await encoder.vector("warm-up")
        yield encoder
    finally:
        engine.shutdown()
