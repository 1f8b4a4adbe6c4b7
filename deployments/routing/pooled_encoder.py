"""An encoder whose engine takes token ids, one text at a time, and batches itself."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import numpy as np
from tokenizers import Tokenizer

from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import EncoderMismatch
from artifacts.token_window import TokenIds, TokenWindow
from deployments.routing.encoder_load import EncoderLoad
from deployments.routing.token_room import TokenRoom
from deployments.routing.turn import in_time
from deployments.routing.vectors import Vector, directed


class PooledEncoder:
    """Prompt, window and special tokens are those of every other engine.

    They are ours to add: an engine that is given a text adds what it thinks fit. A text
    is tokenised once, off the event loop. The engine is given at most `most_tokens` at
    a time; what else comes waits here until it is given up.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        tokenizer: Tokenizer,
        pool: Callable[[TokenIds], Awaitable[Vector]],
        *,
        most_tokens: float = math.inf,
    ) -> None:
        self._spec = spec
        self._window = TokenWindow(tokenizer, spec.max_tokens)
        self._pool = pool
        self._room = TokenRoom(most_tokens)
        self.load = EncoderLoad()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokenizer")

    @property
    def spec(self) -> EncoderSpec:
        """Which encoder it is."""
        return self._spec

    async def vector(self, text: str, until: float = math.inf) -> Vector:
        """The unit row (d,) of one text.

        EncoderMismatch if it has another length, RoutingUnavailable if no direction, or
        if the engine had not been given it by `until`, of the loop's clock. What the
        engine raises is raised as it is.
        """
        loop = asyncio.get_running_loop()
        read = self._spec.prompt + text
        ids = await loop.run_in_executor(self._thread, self._window.ids, read)
        pooled = await self.load.through(len(ids), self._pooled(ids, until))
        if pooled.shape != (self._spec.dimension,):
            what = f"dimension is {pooled.size}, not {self._spec.dimension}"
            raise EncoderMismatch(f"{self._spec.id}: {what}")
        unit: Vector = directed(pooled) / np.linalg.norm(pooled)
        return unit

    async def _pooled(self, ids: TokenIds, until: float) -> Vector:
        async with AsyncExitStack() as inside:
            room = self._room.taken(len(ids), until)
            await in_time(inside.enter_async_context(room))
            return await self._pool(ids)

    async def check(self) -> None:
        """Raises what the engine does at a short text; waits for ever if it hangs.

        Asked only where no vector has come for long. Of its death an engine tells
        itself.
        """
        if self.load.silent:
            await self.vector("a")
