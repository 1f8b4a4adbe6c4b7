"""Sharing one call among the requests that arrive while another is under way."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from deployments.detached import detached

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(slots=True, eq=False)
class _Waiter(Generic[Q, A]):
    item: Q
    future: asyncio.Future[A]
    until: float  # by the loop's clock; what has not begun by then is not wanted

    def wanted(self, now: float) -> bool:
        """Whether it still waits; one whose time is over is told so."""
        if not self.future.done() and now > self.until:
            self.future.set_exception(TimeoutError("its turn came too late"))
        return not self.future.done()


class Coalescer(Generic[Q, A]):
    """Hands items to `call` in batches, with at most `concurrency` calls in flight.

    When idle an item goes at once and alone; nothing ever waits for company. A batch
    ends before `max_weight` would be exceeded (an item heavier than that goes alone);
    or `pick` says which of the waiting items, oldest first, go next (one at least).
    `same_turn`: what arrives in one turn of the event loop goes together, which is
    later by that turn. A waiter that gives up does not disturb the others of its batch.
    A call that takes longer than `timeout_s` fails with TimeoutError, and its place is
    free: what hangs must not hold up all that come after it. One that takes longer than
    `slow_s` goes on, but counts no more; the more are under way, the longer each one
    counts: `slow_s` times their number. So a call that is held up delays others by
    little, and where all are slow there are not many more of them.
    """

    def __init__(  # noqa: PLR0913  (its knobs)
        self,
        call: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        max_weight: float = 64,
        weigh: Callable[[Q], float] = lambda _: 1.0,
        concurrency: int = 1,
        pick: Callable[[Sequence[Q]], Sequence[int]] | None = None,
        same_turn: bool = False,
        timeout_s: float | None = None,
        slow_s: float | None = None,
    ) -> None:
        self._call = call
        self._max_weight = max_weight
        self._weigh = weigh
        self._free = concurrency
        self._pick = pick
        self._same_turn = same_turn
        self._timeout_s = timeout_s
        self._slow_s = slow_s
        self._waiting: deque[_Waiter[Q, A]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        # Those of them that count, each until it is slow.
        self._counted: dict[asyncio.Task[None], asyncio.TimerHandle | None] = {}

    async def __call__(self, item: Q, *, until: float = math.inf) -> A:
        """The answer to `item`; raises what the call of its batch raised.

        TimeoutError: its call had not begun at `until`, by the clock of the loop. One
        that has begun goes on: its answer is near.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[A] = loop.create_future()
        self._forget_unwanted(loop.time())
        self._waiting.append(_Waiter(item, future, until))
        if self._same_turn:
            loop.call_soon(self._start)
        else:
            self._start()
        return await future

    def _forget_unwanted(self, now: float) -> None:
        """Who came first leaves first: behind calls that hang, items must not gather
        that nobody waits for."""
        while self._waiting and not self._waiting[0].wanted(now):
            self._waiting.popleft()

    def _start(self) -> None:
        while self._free and self._waiting:
            batch = self._next_batch()
            if not batch:
                return
            self._free -= 1
            task = detached(self._run(batch))
            self._running.add(task)
            self._counted[task] = self._until_slow(task)
            task.add_done_callback(self._finished)

    def _until_slow(self, task: asyncio.Task[None]) -> asyncio.TimerHandle | None:
        if self._slow_s is None:
            return None
        delay_s = self._slow_s * len(self._running)
        return asyncio.get_running_loop().call_later(delay_s, self._leave, task)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task in self._counted:
            self._leave(task)

    def _leave(self, task: asyncio.Task[None]) -> None:
        """A call counts no more: it has ended, or is slow."""
        timer = self._counted.pop(task)
        if timer is not None:
            timer.cancel()
        self._free += 1
        self._start()

    def _next_batch(self) -> list[_Waiter[Q, A]]:
        now = asyncio.get_running_loop().time()
        if self._pick is not None:
            return self._picked(self._pick, now)
        batch: list[_Waiter[Q, A]] = []
        weight = 0.0
        while self._waiting:
            first = self._waiting[0]
            if first.wanted(now):
                weight += self._weigh(first.item)
                if batch and weight > self._max_weight:
                    break
                batch.append(first)
            self._waiting.popleft()
        return batch

    def _picked(
        self, pick: Callable[[Sequence[Q]], Sequence[int]], now: float
    ) -> list[_Waiter[Q, A]]:
        live = [waiter for waiter in self._waiting if waiter.wanted(now)]
        chosen = set(pick([waiter.item for waiter in live])) if live else set()
        self._waiting = deque(
            waiter for place, waiter in enumerate(live) if place not in chosen
        )
        return [live[place] for place in sorted(chosen)]

    async def _run(self, batch: list[_Waiter[Q, A]]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                answers = await self._call([waiter.item for waiter in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(answers)} answers to {len(batch)} items")
        except BaseException as error:
            for waiter in batch:
                if not waiter.future.done():
                    waiter.future.set_exception(_told(error))
            if not isinstance(error, Exception):
                raise
            return
        for waiter, answer in zip(batch, answers, strict=True):
            if not waiter.future.done():
                waiter.future.set_result(answer)


def _told(error: BaseException) -> BaseException:
    """What waiters are told; a cancelled call is a failed one to them."""
    if isinstance(error, asyncio.CancelledError):
        return RuntimeError("the shared call was cancelled")
    return error
