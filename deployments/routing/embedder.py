"""The Embedder deployment: texts in, unit vectors out, each distinct text once."""

import asyncio
import logging
import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.encoder_spec import EncoderSpec
from deployments.errors import RoutingUnavailable, ServingError
from deployments.routing.vectors import Made, Vector, Vectors, stacked
from deployments.telemetry.metrics import EmbedderMetrics

logger = logging.getLogger(__name__)


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

    async def vector(self, text: str, until: float = math.inf) -> Vector:
        """The unit row (d,) of one text; RoutingUnavailable if it had not begun by
        `until`, of the loop's clock."""


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
        self,
        texts: Sequence[str],
        traces: Sequence[str] = (),
        within_s: float | None = None,
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts.

        A row of nan for a text that has no vector: its turn at the encoder did not come
        `within_s`, or the encoder fails at it. Where no text has one, it raises why.
        """
        if not texts:
            return np.zeros((0, self._encoder.spec.dimension), dtype=np.float32)
        self._metrics.asked(len(texts))
        now = asyncio.get_running_loop().time()
        until = math.inf if within_s is None else now + within_s
        made = await self.vectors.of(texts, until)
        _tell(made)
        return stacked(made)


def _tell(made: Sequence[Made]) -> None:
    """What is foreseen is not worth a line: under load there would be one for each."""
    for each in made:
        if isinstance(each, Exception) and not isinstance(each, ServingError):
            logger.error("the encoder failed at a text", exc_info=each)
            return
