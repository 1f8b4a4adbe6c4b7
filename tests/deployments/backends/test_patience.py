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
