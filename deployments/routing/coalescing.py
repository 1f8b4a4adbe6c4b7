"""Sharing one call among the requests that arrive while another is under way."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Coalescer(Generic[Q, A]):
    """Hands items to `call` in batches, with at most `concurrency` calls in flight.

    When idle an item goes at once and alone; nothing ever waits for company. A batch
    ends before `max_weight` would be exceeded (an item heavier than that goes alone).
    A waiter that gives up does not disturb the others of its batch.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        max_weight: float = 64,
        weigh: Callable[[Q], float] = lambda _: 1.0,
        concurrency: int = 1,
    ) -> None:
        self._call = call
        self._max_weight = max_weight
        self._weigh = weigh
        self._free = concurrency
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, item: Q) -> A:
        """The answer to `item`; raises what the call of its batch raised."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._start()
        return await future

    def _start(self) -> None:
        while self._free and self._waiting:
            batch = self._next_batch()
            if not batch:
                return
            self._free -= 1
            task = asyncio.ensure_future(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free += 1
        self._start()

    def _next_batch(self) -> list[tuple[Q, asyncio.Future[A]]]:
        batch: list[tuple[Q, asyncio.Future[A]]] = []
        weight = 0.0
        while self._waiting:
            item, future = self._waiting[0]
            if not future.done():
                weight += self._weigh(item)
                if batch and weight > self._max_weight:
                    break
                batch.append((item, future))
            self._waiting.popleft()
        return batch

    async def _run(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._call([item for item, _ in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(answers)} answers to {len(batch)} items")
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(_told(error))
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _told(error: BaseException) -> BaseException:
    """What waiters are told; a cancelled call is a failed one to them."""
    if isinstance(error, asyncio.CancelledError):
        return RuntimeError("the shared call was cancelled")
    return error
