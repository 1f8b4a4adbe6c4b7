"""Few frames across a handle, and nothing lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deployments.backends.gathering import gathered_items
from deployments.protocol.backend import Ending, Item
from tests.fakes import SETTLEMENT


async def stream(*items: Item) -> AsyncIterator[Item]:
    for item in items:
        yield item


@pytest.mark.parametrize(
    "end", [(b"c", SETTLEMENT), (Ending(b"c", SETTLEMENT),)], ids=["apart", "together"]
)
async def test_frames_come_before_the_settlement(end):
    items = gathered_items(stream(b"a", b"b", *end), 0.01)

    *frames, settlement = [item async for item in items]

    assert b"".join(frames) == b"abc"
    assert settlement is SETTLEMENT


async def test_leaving_early_closes_the_stream():
    left = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"a"
                await asyncio.sleep(0)
        finally:
            left.append(True)

    items = gathered_items(endless(), 0.01)
    await anext(items)
    await items.aclose()

    assert left
