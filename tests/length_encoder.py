"""An Embedder for tests of `/v1/embeddings`, without any model."""

import asyncio
from collections.abc import Sequence

import numpy as np

from artifacts.encoder_spec import EncoderSpec
from deployments.errors import ServingError
from deployments.routing.embedder import refuse_other_encoder
from tests.artifacts.hand_made import SPEC as UNRUN

SPEC = UNRUN.model_copy(update={"id": "org/lengths"})


class Lengths:
    """An encoder whose vectors and token counts tell the length of the text."""

    def __init__(
        self, *, exact: bool = True, error: ServingError | None = None
    ) -> None:
        self.pieces: list[list[str]] = []
        self.at_once = self.most_at_once = 0
        self._exact = exact
        self._error = error

    async def embed(
        self, texts: Sequence[str], traces=(), encoder: str | None = None
    ) -> np.ndarray:
        refuse_other_encoder(await self.spec(), encoder)
        if self._error:
            raise self._error
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.pieces.append(list(texts))
        return np.array([[len(text), 0.1] for text in texts], np.float32)

    async def count_tokens(self, texts: Sequence[str]) -> tuple[list[int], bool]:
        return [len(text) for text in texts], self._exact

    async def spec(self) -> EncoderSpec:
        return SPEC
