"""What is counted between two flushes is one call."""

import asyncio

from deployments.telemetry.families import (
    BREAKER_STATE,
    CACHE_HITS,
    FIRST_TOKEN,
    OVERHEAD,
    TOKENS,
)
from deployments.telemetry.tally import Silent, Tally
from tests.kept_metrics import Kept, kept


async def test_what_was_counted_is_told_as_one_sum_of_each_series():
    tally, told = kept()
    for _ in range(3):
        tally.count(CACHE_HITS)
    tally.count(TOKENS, ("prompt",), 2.0)
    tally.count(TOKENS, ("completion",), 5.0)

    tally.flush()
    tally.flush()

    assert told.counted[CACHE_HITS.name] == {(): 3.0}
    assert told.counted[TOKENS.name] == {("prompt",): 2.0, ("completion",): 5.0}
    assert told.calls == 3


async def test_a_counter_never_goes_down():
    tally, told = kept()
    tally.count(CACHE_HITS, by=-1.0)
    tally.flush()

    assert told.counted == {}


async def test_counts_are_flushed_by_themselves():
    told = Kept()
    tally = Tally(told, flush_s=0.0)
    tally.count(CACHE_HITS)
    await told.more()

    assert told.counted[CACHE_HITS.name] == {(): 1.0}


async def test_gauges_are_read_from_the_start_until_the_end():
    told = Kept()
    tally = Tally(told, watch_s=0.0)
    reads = iter(range(1000))
    tally.watch(lambda: [(BREAKER_STATE, ("m",), float(next(reads)))])
    assert told.gauges == {}

    tally.start()
    await told.more()
    await told.more()
    tally.stop()
    last = dict(told.gauges[BREAKER_STATE.name])
    await asyncio.sleep(0.01)

    assert told.gauges[BREAKER_STATE.name] == last == {("m",): 2.0}


async def test_a_gauge_that_cannot_be_read_is_read_again():
    told = Kept()
    tally = Tally(told, watch_s=0.0)
    answers = iter([ValueError("not yet"), 1.0])

    def read():
        answer = next(answers, 2.0)
        if isinstance(answer, Exception):
            raise answer
        return [(BREAKER_STATE, ("m",), answer)]

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    tally.watch(read)
    asyncio.get_running_loop().call_soon(tally.start)
    await told.more()
    tally.stop()

    assert told.gauges[BREAKER_STATE.name][("m",)] >= 1.0


async def test_a_histogram_without_labels_is_told_as_gauges():
    tally, told = kept()
    tally.observe(OVERHEAD, 0.004)
    tally.flush()

    assert told.observed == {}
    assert told.times("avengers_overhead_seconds") == 1


async def test_at_the_end_all_that_was_counted_is_told():
    tally, told = kept()
    tally.observe(OVERHEAD, 0.004)
    tally.count(CACHE_HITS)
    tally.stop()

    assert told.times("avengers_overhead_seconds") == 1
    assert told.counted[CACHE_HITS.name] == {(): 1.0}


async def test_it_is_told_again_and_again_for_ray_forgets_gauges():
    told = Kept()
    tally = Tally(told, watch_s=0.0)
    tally.observe(OVERHEAD, 1.0)
    await told.more()
    told.gauges.clear()
    await told.more()
    tally.stop()

    assert told.times("avengers_overhead_seconds") == 1


async def test_each_value_of_a_histogram_with_labels_goes_to_ray():
    tally, told = kept()
    tally.observe(FIRST_TOKEN, 0.5, ("m",))

    assert told.observed[FIRST_TOKEN.name] == [0.5]


def test_a_silent_tally_needs_no_loop():
    tally = Silent()
    tally.count(CACHE_HITS)
    tally.observe(CACHE_HITS, 1.0)
    tally.start()
    tally.stop()
