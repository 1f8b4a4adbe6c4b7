"""Events out of bytes, and bytes gathered into fewer pieces."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deployments.backends.sse import EventSplitter, gathered

STREAM = (
    b': note\n\ndata: {"a":1}\r\n\r\nevent: x\ndata: one\ndata: two\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_events_do_not_depend_on_how_the_bytes_are_cut(cut):
    splitter = EventSplitter()

    events = splitter.feed(STREAM[:cut]) + splitter.feed(STREAM[cut:])

    assert events == [b'{"a":1}', b"one\ntwo", b"[DONE]"]


def test_an_endless_event_is_refused(monkeypatch):
    monkeypatch.setattr("deployments.backends.sse.MAX_EVENT_BYTES", 10)

    with pytest.raises(ValueError, match="longer than the limit"):
        EventSplitter().feed(b"data: 0123456789")


async def pieces(*items: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for item in items:
        yield item
        await asyncio.sleep(0)
    if error:
        raise error


async def test_the_first_piece_goes_alone_and_the_rest_together():
    frames = [frame async for frame in gathered(pieces(b"a", b"b", b"c"), 0.05)]

    assert b"".join(frames) == b"abc"
    assert len(frames) == 2


async def test_what_came_before_an_error_is_not_lost():
    frames = gathered(pieces(b"a", b"b", error=RuntimeError("cut")), 0.01)
    got = await anext(frames) + await anext(frames)

    assert got == b"ab"
    with pytest.raises(RuntimeError, match="cut"):
        await anext(frames)


async def test_leaving_early_closes_the_source():
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            closed.set()

    frames = gathered(endless(), 0.01)
    await anext(frames)
    await frames.aclose()  # type: ignore[attr-defined]

    assert closed.is_set()
