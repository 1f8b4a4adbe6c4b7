"""The LLMServer that runs an encoder in vLLM; only it imports vLLM.

Import this module late: plain `ray[serve]` cannot import `ray.serve.llm`.
"""

import asyncio
import base64
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from ray.serve.llm import LLMConfig
from ray.serve.llm.deployment import LLMServer
from ray.serve.llm.openai_api_models import EmbeddingRequest, ErrorResponse

from artifacts.encoder_spec import EncoderSpec, verify_files
from artifacts.errors import EncoderMismatch
from artifacts.location import directory_of
from artifacts.token_window import TokenIds, plain
from deployments.errors import RoutingUnavailable
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.pooled_encoder import PooledEncoder
from deployments.routing.served_embedder import ServedEmbedder
from deployments.routing.vectors import Vector
from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.metrics import EmbedderMetrics
from deployments.telemetry.ray_export import RayExport
from deployments.telemetry.tally import Tally


class VLLMEmbedderReplica(ServedEmbedder, LLMServer):  # type: ignore[misc]
    """An Embedder around vLLM's engine, which forms the batches."""

    async def __init__(  # type: ignore[misc]  # LLMServer's own way to start up
        self,
        llm_config: LLMConfig,
        *,
        encoder: EncoderSpec,
        config: EmbedderConfig,
        telemetry: TelemetryConfig,
        artifact: str | None = None,
    ) -> None:
        """EncoderMismatch when the model is not what the spec says."""
        if artifact is not None:
            # To this node: the application was built on any of them.
            await asyncio.to_thread(directory_of, artifact)
        if encoder.digest is not None:
            directory = Path(config.source) if config.source else None
            await asyncio.to_thread(verify_files, directory, encoder.digest)
        await super().__init__(llm_config)
        _check_pooling(self.engine._engine_client.model_config, encoder)
        tokenizer = await asyncio.to_thread(_tokenizer, encoder, config)
        # One batch that is read, and the next.
        most_tokens = 2 * llm_config.engine_kwargs["max_num_batched_tokens"]
        pooled = PooledEncoder(
            encoder, tokenizer, self._pooled, most_tokens=most_tokens
        )
        # A union of requests for texts and for chats: this tells which it is.
        self._request = TypeAdapter(EmbeddingRequest)
        metrics = EmbedderMetrics(Tally(RayExport()))
        self._serve(pooled, tokenizer, config, metrics=metrics, telemetry=telemetry)
        # Better here than in the first request; and the dimension is checked.
        await pooled.vector("warm-up")

    async def check_health(self) -> None:
        """Of vLLM's engine; and that it still answers, see `check`."""
        await super().check_health()
        await self._check()

    async def _pooled(self, ids: TokenIds) -> Vector:
        # base64: thousands of floats as JSON would cost more than their tokens.
        asked = {"model": self._spec.id, "input": ids, "encoding_format": "base64"}
        request = self._request.validate_python(asked)
        async with aclosing(await self.embeddings(request)) as answers:
            answer = await anext(answers)
        if isinstance(answer, ErrorResponse):
            raise RoutingUnavailable(f"The embedder's engine: {answer.error.type}.")
        return np.frombuffer(base64.b64decode(answer.data[0].embedding), "<f4")


def _check_pooling(model: Any, spec: EncoderSpec) -> None:
    found = str(model.pooler_config.seq_pooling_type).lower()
    if found != spec.pooling:
        raise EncoderMismatch(f"{spec.id}: pooling is {found}, not {spec.pooling}")


def _tokenizer(spec: EncoderSpec, config: EmbedderConfig) -> Any:
    from transformers import AutoTokenizer

    revision = None if config.source else spec.revision
    source = config.source or spec.id
    return plain(
        AutoTokenizer.from_pretrained(source, revision=revision).backend_tokenizer
    )
