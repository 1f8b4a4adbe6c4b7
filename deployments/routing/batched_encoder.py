"""An encoder that shares its batches among all who ask at the same time."""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from artifacts.encoder import EncoderSpec, TokenEncoder
from artifacts.token_batches import next_batch
from artifacts.token_window import TokenIds
from deployments.coalescing import Coalescer
from deployments.errors import RoutingUnavailable
from deployments.routing.encoder_load import EncoderLoad
from deployments.routing.turn import in_time
from deployments.routing.vectors import Made, Vector, directed
from deployments.telemetry.metrics import EmbedderMetrics

Q = TypeVar("Q")
A = TypeVar("A")

# Some 10 ms of MiniLM on one core, beside which a trip to its thread is little.
_TRIP_TOKENS = 96


class BatchedEncoder:
    """Runs an encoder off the event loop, in batches of like length.

    Each text is tokenised once, in a thread of its own, while a batch is encoded in
    another; texts that arrive meanwhile form the next ones. A batch is bounded by its
    tokens, padding included: that is what it costs, not its count. An encoder that
    gains nothing by batches gets a few texts at a time, and the next few stand ready:
    in one batch all would wait for the last, and then the encoder for all of them.
    What the encoder fails at is an error of its text alone.
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
        self._tokenise = Coalescer[str, TokenIds | Exception](
            self._token_ids, same_turn=True
        )
        self._encode = Coalescer[TokenIds, Made](
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

    async def vector(self, text: str, until: float = math.inf) -> Vector:
        """The unit row (d,) of one text; RoutingUnavailable if it has no direction, or
        if its turn at the encoder had not come by `until`, of the loop's clock."""
        ids = _made(await in_time(self._tokenise(text, until=until)))
        row = await self.load.through(len(ids), self._encoded(ids, until))
        return self._checked(row)

    async def check(self) -> None:
        """Raises what the encoder does if it fails at a short text, too; waits for ever
        if it hangs.

        Asked only after a batch that failed, and where none has come for long. Too long
        a batch costs no more than its own texts; but a process whose GPU has had a
        fault encodes nothing any more, or never ends what it has begun.
        """
        if self._failed or self.load.silent:
            [answer] = await self._token_ids(["a"])
            ids = _made(answer)
            self._checked(await self.load.through(len(ids), self._alone(ids)))

    async def _encoded(self, ids: TokenIds, until: float) -> Vector:
        return _made(await in_time(self._encode(ids, until=until)))

    async def _alone(self, ids: TokenIds) -> Vector:
        [row] = await self._vectors([ids])
        return _made(row)

    def _checked(self, row: Vector) -> Vector:
        try:
            return directed(row)
        except RoutingUnavailable:
            self._failed = True
            raise

    async def _token_ids(self, texts: Sequence[str]) -> Sequence[TokenIds | Exception]:
        loop = asyncio.get_running_loop()
        work = partial(_each, self._encoder.token_ids)
        return await loop.run_in_executor(self._tokenizer_thread, work, texts)

    async def _vectors(self, windows: Sequence[TokenIds]) -> Sequence[Made]:
        loop = asyncio.get_running_loop()
        self._metrics.batch(len(windows), sum(map(len, windows)))
        work = partial(_each, self._encoder.encode_ids)
        rows = await loop.run_in_executor(self._encoder_thread, work, windows)
        self._failed = any(isinstance(row, Exception) for row in rows)
        return rows


def _each(
    work: Callable[[Sequence[Q]], Iterable[A]], items: Sequence[Q]
) -> list[A | Exception]:
    """What `work` makes of each item, or raises at it: where it fails at several, it is
    given each half of them."""
    try:
        return list(work(items))
    except Exception as error:  # noqa: BLE001  (for whoever waits for the item)
        if len(items) == 1:
            return [error]
    middle = len(items) // 2
    return [*_each(work, items[:middle]), *_each(work, items[middle:])]


def _made(answer: A | Exception) -> A:
    if isinstance(answer, Exception):
        raise answer
    return answer


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
