"""What an Embedder's replica answers, whatever runs its encoder."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from artifacts.encoder_spec import EncoderSpec
from deployments.routing.embedder import Embedder, TextEncoder, refuse_other_encoder
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.encoder_load import EncoderLoad
from deployments.routing.encoder_tokens import EncoderTokens
from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.metrics import EmbedderMetrics
from deployments.telemetry.traced import traced_embedder


class LoadedEncoder(TextEncoder, Protocol):
    """One that counts what it has to do, and can be asked whether it still works."""

    load: EncoderLoad

    async def check(self) -> None:
        """Raises, or never ends, if it does not."""


class ServedEmbedder:
    """The methods that Routers and Serve call, once `_serve` was."""

    def _serve(
        self,
        encoder: LoadedEncoder,
        tokenizer: Tokenizer,
        config: EmbedderConfig,
        *,
        metrics: EmbedderMetrics,
        telemetry: TelemetryConfig,
    ) -> None:
        """From now on it answers with this encoder, whose tokenizer counts."""
        embedder = Embedder(encoder, cache_size=config.cache_size, metrics=metrics)
        self._spec = encoder.spec
        self._embedder = traced_embedder(embedder, self._spec.id, telemetry)
        self._tokens = EncoderTokens(self._spec, tokenizer)
        self._load = encoder.load
        self._check = encoder.check

    async def embed(
        self,
        texts: Sequence[str],
        traces: Sequence[str] = (),
        encoder: str | None = None,
        within_s: float | None = None,
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts; of nan for one that has none,
        see `Embedder`.

        RoutingUnavailable if `encoder` is the key of another one.
        """
        refuse_other_encoder(self._spec, encoder)
        return await self._embedder.embed(texts, traces, within_s)

    async def count_tokens(self, texts: Sequence[str]) -> tuple[list[int], bool]:
        """Tokens of each text; whether the encoder itself would count the same."""
        counts = await asyncio.to_thread(self._tokens.count, texts)
        return counts, self._tokens.exact

    async def spec(self) -> EncoderSpec:
        """Which encoder it is."""
        return self._spec

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """For Serve, which asks by this name: see `token_policy`."""
        return self._load.told()
