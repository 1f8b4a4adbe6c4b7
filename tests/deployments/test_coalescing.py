"""Sharing a call among those that arrive while another is under way."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from deployments.coalescing import Coalescer


class Call:
    """Doubles numbers when it is let go, and remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if 13 in items:
            raise ValueError("unlucky")
        return [2 * item for item in items]


async def submit(
    coalescer: Coalescer[int, int], *items: int
) -> list[asyncio.Task[int]]:
    tasks = [asyncio.ensure_future(coalescer(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_an_item_goes_at_once_when_nothing_is_under_way():
    call = Call()
    await submit(Coalescer(call), 1)
    await asyncio.sleep(0)

    assert call.batches == [[1]]
    call.gate.set()


async def test_items_that_arrive_meanwhile_go_together():
    call = Call()
    tasks = await submit(Coalescer(call), 1, 2, 3)
    call.gate.set()

    assert await asyncio.gather(*tasks) == [2, 4, 6]
    assert call.batches == [[1], [2, 3]]


async def test_a_batch_ends_before_it_is_too_heavy():
    call = Call()
    coalescer = Coalescer(call, max_weight=10, weigh=float)
    tasks = await submit(coalescer, 1, 6, 4, 5, 50)
    call.gate.set()
    await asyncio.gather(*tasks)

    assert call.batches == [[1], [6, 4], [5], [50]]


async def test_a_waiter_that_gives_up_does_not_disturb_the_others():
    call = Call()
    first, gone, stays = await submit(Coalescer(call), 1, 2, 3)
    gone.cancel()
    await asyncio.sleep(0)
    call.gate.set()

    assert await asyncio.gather(first, stays) == [2, 6]
    assert call.batches == [[1], [3]]


async def test_a_failed_call_fails_its_own_batch_only():
    call = Call()
    (
        first,
        bad,
        also,
    ) = await submit(Coalescer(call), 1, 13, 3)
    call.gate.set()

    assert await first == 2
    for task in (bad, also):
        with pytest.raises(ValueError, match="unlucky"):
            await task


async def test_a_call_that_hangs_holds_its_place_for_a_time_only():
    async def call(items: Sequence[int]) -> Sequence[int]:
        if 1 in items:
            await asyncio.Event().wait()
        return items

    coalescer = Coalescer(call, timeout_s=0.01)
    hangs, comes_later = await submit(coalescer, 1, 2)

    async with asyncio.timeout(5):
        assert await comes_later == 2
    with pytest.raises(TimeoutError):
        await hangs


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_a_slow_call_holds_back_the_next_for_a_time_only():
    call = Call()
    tasks = await submit(Coalescer(call, slow_s=0.01), 1, 2, 3)
    await until(lambda: len(call.batches) == 2)

    assert call.batches == [[1], [2, 3]]
    call.gate.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6]


async def test_a_slow_call_that_ends_gives_no_second_place_free():
    call = Call()
    coalescer = Coalescer(call, slow_s=0.01)
    slow = await submit(coalescer, 1)
    await asyncio.sleep(0)
    coalescer._slow_s = 60  # of those that come now
    await until(lambda: not coalescer._counted)
    young = await submit(coalescer, 2)
    await until(lambda: call.batches == [[1], [2]])
    call.gate.set()
    await asyncio.gather(*slow, *young)
    call.gate.clear()
    waiting = await submit(coalescer, 3, 4)
    await asyncio.sleep(0)

    assert call.batches == [[1], [2], [3]]
    call.gate.set()
    await asyncio.gather(*waiting)


async def test_the_more_are_slow_the_longer_does_the_next_one_wait():
    slow_s = 0.01
    began: list[float] = []
    gate = asyncio.Event()
    clock = asyncio.get_running_loop().time

    async def call(items: Sequence[int]) -> Sequence[int]:
        began.append(clock())
        await gate.wait()
        return items

    coalescer = Coalescer(call, slow_s=slow_s)
    tasks = []
    for number in range(1, 5):
        tasks += await submit(coalescer, number)
        await until(lambda number=number: len(began) == number)
    gate.set()
    await asyncio.gather(*tasks)

    waited = [after - before for before, after in pairwise(began)]
    assert all(
        seconds > 0.9 * number * slow_s for number, seconds in enumerate(waited, 1)
    )


def _first(items: Sequence[int]) -> Sequence[int]:
    return [0]


@pytest.mark.parametrize("pick", [None, _first])
async def test_what_has_waited_too_long_is_not_called_for(pick):
    call = Call()
    coalescer = Coalescer(call, pick=pick)
    now = asyncio.get_running_loop().time()
    busy = await submit(coalescer, 1)
    late = asyncio.ensure_future(coalescer(2, until=now))
    patient = asyncio.ensure_future(coalescer(3, until=now + 60))
    await asyncio.sleep(0.01)
    call.gate.set()

    with pytest.raises(TimeoutError):
        await late
    assert await asyncio.gather(*busy, patient) == [2, 6]
    assert call.batches == [[1], [3]]


async def test_a_call_that_has_begun_is_not_too_late():
    call = Call()
    now = asyncio.get_running_loop().time()
    begun = asyncio.ensure_future(Coalescer(call)(1, until=now + 0.01))
    await asyncio.sleep(0.05)
    call.gate.set()

    assert await begun == 2


async def test_what_nobody_waits_for_is_not_kept_behind_a_call_that_hangs():
    class Text:
        """Long."""

    async def hang(texts: Sequence[Text]) -> Sequence[int]:
        await asyncio.Event().wait()
        return []

    coalescer = Coalescer(hang)
    texts = [Text() for _ in range(4)]
    asked = [asyncio.ensure_future(coalescer(text)) for text in texts]
    await asyncio.sleep(0)
    for leaving in asked[1:3]:
        leaving.cancel()
    await asyncio.wait(asked[1:3])
    kept = [weakref.ref(text) for text in texts]
    asked.append(asyncio.ensure_future(coalescer(Text())))
    await asyncio.sleep(0)
    del texts, asked[1:3], leaving
    gc.collect()

    assert [text() is not None for text in kept] == [True, False, False, True]


async def test_who_waited_too_long_is_told_when_another_comes():
    coalescer = Coalescer(Call())
    now = asyncio.get_running_loop().time()
    await submit(coalescer, 1)
    late = asyncio.ensure_future(coalescer(2, until=now))
    await submit(coalescer, 3)

    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            await late
