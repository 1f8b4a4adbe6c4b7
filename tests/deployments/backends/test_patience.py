"""Until when the next event is waited for."""

import asyncio

import pytest

from deployments.backends.patience import Patience
from deployments.catalog import Timeouts


@pytest.mark.parametrize(
    ("events", "total_s", "wait_s"),
    [(0, 1000, 60), (1, 1000, 30), (0, 10, 10), (1, 10, 10)],
)
async def test_the_nearest_limit_counts(events, total_s, wait_s):
    times = Timeouts(first_token_s=60, between_tokens_s=30, total_s=total_s)
    begun = asyncio.get_running_loop().time()
    patience = Patience(times)
    patience.saw(events)
    now = asyncio.get_running_loop().time()

    assert begun + wait_s <= patience.until <= now + wait_s


async def test_only_another_event_is_waited_for_anew():
    patience = Patience(Timeouts(between_tokens_s=30))
    patience.saw(1)
    first = patience.until
    await asyncio.sleep(0.01)
    patience.saw(1)  # a comment, which keeps a connection alive
    assert patience.until == first

    patience.saw(2)
    assert patience.until > first


@pytest.mark.parametrize(
    ("events", "total_s", "limit"),
    [(0, 1000, "first_token"), (1, 1000, "between_tokens"), (0, 10, "total")],
)
async def test_the_limit_that_was_reached_is_named(events, total_s, limit):
    patience = Patience(
        Timeouts(first_token_s=60, between_tokens_s=30, total_s=total_s)
    )
    patience.saw(events)

    assert patience.over().code == f"upstream_timeout_{limit}"


@pytest.mark.parametrize("total_s", [1000, 10])
async def test_what_the_client_takes_is_waited_for_in_addition(total_s):
    patience = Patience(Timeouts(between_tokens_s=30, total_s=total_s))
    patience.saw(1)
    before = patience.until

    with patience.excused():
        await asyncio.sleep(0.02)

    assert before + 0.019 < patience.until < before + 1
