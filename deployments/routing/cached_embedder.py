"""An Embedder elsewhere, with the vectors that it made kept here.

A text that is known needs no call; those that are not go to the Embedder together.
"""

import asyncio
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from deployments.coalescing import Coalescer
from deployments.errors import RoutingUnavailable
from deployments.protocol.routing import EmbedderLike
from deployments.routing.call_share import call_share
from deployments.routing.vectors import Vector, Vectors, stacked
from deployments.telemetry.metrics import EmbedderMetrics

# One that is silent for so long hangs: another replica may answer the next call.
_HANGS_S = 10.0


class RouterConfig(BaseModel):
    """What one Router keeps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cache_size: int = Field(
        default=10_000,
        ge=0,
        description="texts whose vectors are kept beside the Router; "
        "4 bytes × the encoder's dimension each",
    )
    embed_concurrency: int = Field(
        default=4,
        ge=1,
        description="calls to the Embedder in flight; texts that come meanwhile share "
        "the next one. At least its replicas divided by the Routers "
        "(scripts/derive-autoscaling says how many)",
    )


class CachedEmbedder:
    """Answers for one Embedder, so for one encoder.

    A text whose call has not begun after `wait_s` has no vector: who asked for it will
    soon have left, and behind it wait others.
    """

    def __init__(
        self,
        embedder: EmbedderLike,
        config: RouterConfig,
        metrics: EmbedderMetrics | None = None,
        *,
        timeout_s: float = _HANGS_S,
        wait_s: float = math.inf,
    ) -> None:
        self._embedder = embedder
        self._metrics = metrics or EmbedderMetrics()
        self._waiting: list[str] = []  # traces of the next call
        self._wait_s = wait_s
        # What is missing of one batch of queries arrives in one turn.
        self._asked = Coalescer[str, Vector](
            self._ask,
            weigh=call_share,
            concurrency=config.embed_concurrency,
            same_turn=True,
            timeout_s=timeout_s,
        )
        self.vectors = Vectors(self._vector, config.cache_size, on_hits=self._hit)

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str] = ()
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts; see EmbedderLike.

        Where nothing is missing, no span waits for the Embedder.
        """
        if not texts:
            return await self._embedder.embed(texts)
        until = asyncio.get_running_loop().time() + self._wait_s
        self._waiting.extend(traces)
        try:
            return stacked(await self.vectors.of(texts, until))
        finally:
            self._waiting = [each for each in self._waiting if each not in traces]

    async def _vector(self, text: str, until: float) -> Vector:
        try:
            row = await self._asked(text, until=until)
        except TimeoutError:
            what = "The embedder did not answer in time."
            raise RoutingUnavailable(what, retry_after_s=1.0) from None
        if math.isnan(row[0]):
            what = "The embedder made no vector of the text."
            raise RoutingUnavailable(what, retry_after_s=1.0)
        return row

    async def _ask(self, texts: Sequence[str]) -> Sequence[Vector]:
        traces, self._waiting = self._waiting, []
        return list(await self._embedder.embed(texts, traces))

    def _hit(self, n_texts: int) -> None:
        # The Embedder counts those that it is asked for.
        self._metrics.asked(n_texts)
        self._metrics.hit(n_texts)
