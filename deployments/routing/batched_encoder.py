"""An encoder that shares its batches among all who ask at the same time."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from artifacts.encoder import EncoderSpec, TokenEncoder
from artifacts.token_batches import next_batch
from artifacts.token_window import TokenIds
from deployments.coalescing import Coalescer
from deployments.errors import RoutingUnavailable
from deployments.routing.encoder_load import EncoderLoad
from deployments.routing.vectors import Vector, directed
from deployments.telemetry.metrics import EmbedderMetrics

# Some 10 ms of MiniLM on one core, beside which a trip to its thread is little.
_TRIP_TOKENS = 96


class BatchedEncoder:
    """Runs an encoder off the event loop, in batches of like length.

    Each text is tokenised once, in a thread of its own, while a batch is encoded in
    another; texts that arrive meanwhile form the next ones. A batch is bounded by its
    tokens, padding included: that is what it costs, not its count. An encoder that
    gains nothing by batches gets a few texts at a time, and the next few stand ready:
    in one batch all would wait for the last, and then the encoder for all of them.
    """

    def __init__(
        self,
        encoder: TokenEncoder,
        *,
        max_batch_tokens: int,
        metrics: EmbedderMetrics | None = None,
    ) -> None:
        self._encoder = encoder
        self._metrics = metrics or EmbedderMetrics()
        self.load = EncoderLoad()
        self._failed = False  # the last batch did, or a row of it
        # One thread each: a batch already uses the threads that the encoder was given.
        self._tokenizer_thread = ThreadPoolExecutor(1, thread_name_prefix="tokenizer")
        self._encoder_thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        # The texts of one call, and those tokenised together, should not go one by one.
        self._tokenise = Coalescer[str, TokenIds](self._token_ids, same_turn=True)
        self._encode = Coalescer[TokenIds, Vector](
            self._vectors,
            pick=partial(_like_lengths, budget=max_batch_tokens)
            if encoder.runs_batches
            else _in_turn,
            concurrency=1 if encoder.runs_batches else 2,
            same_turn=True,
        )

    @property
    def spec(self) -> EncoderSpec:
        """Which encoder it is."""
        return self._encoder.spec

    async def vector(self, text: str) -> Vector:
        """The unit row (d,) of one text; RoutingUnavailable if it has no direction."""
        ids = await self._tokenise(text)
        return self._checked(await self.load.through(len(ids), self._encode(ids)))

    async def check(self) -> None:
        """Raises what the encoder does if it fails at a short text, too; waits for ever
        if it hangs.

        Asked only after a batch that failed, and where none has come for long. Too long
        a batch costs no more than its own texts; but a process whose GPU has had a
        fault encodes nothing any more, or never ends what it has begun.
        """
        if self._failed or self.load.silent:
            [ids] = await self._token_ids(["a"])
            [row] = await self.load.through(len(ids), self._vectors([ids]))
            self._checked(row)

    def _checked(self, row: Vector) -> Vector:
        try:
            return directed(row)
        except RoutingUnavailable:
            self._failed = True
            raise

    async def _token_ids(self, texts: Sequence[str]) -> Sequence[TokenIds]:
        loop = asyncio.get_running_loop()
        work = self._encoder.token_ids
        return await loop.run_in_executor(self._tokenizer_thread, work, texts)

    async def _vectors(self, windows: Sequence[TokenIds]) -> Sequence[Vector]:
        loop = asyncio.get_running_loop()
        self._metrics.batch(len(windows), sum(map(len, windows)))
        work = self._encoder.encode_ids
        try:
            rows = await loop.run_in_executor(self._encoder_thread, work, windows)
        except Exception:
            self._failed = True
            raise
        self._failed = False
        return list(rows)


def _like_lengths(windows: Sequence[TokenIds], budget: int) -> Sequence[int]:
    return next_batch([len(window) for window in windows], budget)


def _in_turn(windows: Sequence[TokenIds]) -> Sequence[int]:
    """The oldest, as many as are worth a trip to the encoder's thread."""
    tokens = 0
    for place, window in enumerate(windows):
        tokens += len(window)
        if place and tokens > _TRIP_TOKENS:
            return range(place)
    return range(len(windows))
