"""Streams that gather wake at the same moments."""

import asyncio

from deployments.backends.ticks import Ticks


async def test_whoever_waits_is_woken_by_the_same_tick():
    ticks = Ticks(0.05)
    first = ticks.next()
    await asyncio.sleep(0.01)
    second = ticks.next()
    await first

    assert second.done()


async def test_ticks_go_on_for_those_who_come_later():
    ticks = Ticks(0.001)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(20):
        await asyncio.wait_for(ticks.next(), timeout=10)

    assert loop.time() - begun > 0.015


async def test_one_that_waits_no_longer_keeps_nobody_else():
    ticks = Ticks(0.01)
    ended, left, waiting = ticks.next(), ticks.next(), ticks.next()
    ended.set_result(None)
    left.cancel()

    await asyncio.wait_for(waiting, timeout=10)
    assert ended.done()
    assert left.cancelled()
