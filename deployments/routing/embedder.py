"""The Embedder deployment: texts in, unit vectors out, each distinct text once."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.encoder_spec import EncoderSpec
from deployments.errors import RoutingUnavailable
from deployments.routing.vectors import Vector, Vectors
from deployments.telemetry.metrics import EmbedderMetrics


def refuse_other_encoder(spec: EncoderSpec, wanted: str | None) -> None:
    """RoutingUnavailable unless the vectors `wanted` are those of `spec`; None: any.

    While Serve replaces the replicas of one configuration by those of another, Routers
    reach Embedders of both. Vectors of another encoder would decide at random, and a
    Router would keep them.
    """
    if wanted not in {None, spec.key}:
        what = "The embedder runs another encoder than the router's artifact is for."
        raise RoutingUnavailable(what)


class TextEncoder(Protocol):
    """Encodes one text at a time; how texts share a batch is its own affair."""

    @property
    def spec(self) -> EncoderSpec:
        """Which encoder it is."""

    async def vector(self, text: str) -> Vector:
        """The unit row (d,) of one text."""


class Embedder:
    """An encoder with a memory.

    Identical texts that are under way at the same time are encoded once.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        cache_size: int,
        metrics: EmbedderMetrics | None = None,
    ) -> None:
        self._encoder = encoder
        self._metrics = metrics or EmbedderMetrics()
        self.vectors = Vectors(encoder.vector, cache_size, on_hits=self._metrics.hit)

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str] = ()
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts."""
        if not texts:
            return np.zeros((0, self._encoder.spec.dimension), dtype=np.float32)
        self._metrics.asked(len(texts))
        return np.stack(await self.vectors.of(texts))
