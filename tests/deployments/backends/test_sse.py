"""Events out of bytes, and bytes gathered into fewer pieces."""

import asyncio
import time
from codecs import BOM_UTF8
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


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_piece_without_a_byte_changes_nothing(cut):
    splitter = EventSplitter()
    pieces = (STREAM[:cut], b"", STREAM[cut:])

    events = [one for piece in pieces for one in splitter.feed(piece)]

    assert events == [b'{"a":1}', b"one\ntwo", b"[DONE]"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_events_do_not_depend_on_the_size_of_the_pieces(size):
    splitter = EventSplitter()
    starts = range(0, len(STREAM), size)

    events = [one for at in starts for one in splitter.feed(STREAM[at : at + size])]

    assert events == [b'{"a":1}', b"one\ntwo", b"[DONE]"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", [b"", BOM_UTF8], ids=["plain", "marked"])
def test_a_stream_is_read_as_the_standard_has_it(size, line_end, mark):
    splitter = EventSplitter()
    text = b'data: {"a":1}\n\n: note\n\ndata: one\ndata: two\n\ndata: [DONE]\n\n'
    stream = mark + text.replace(b"\n", line_end)
    starts = range(0, len(stream), size)

    events = [one for at in starts for one in splitter.feed(stream[at : at + size])]

    assert events == [b'{"a":1}', b"one\ntwo", b"[DONE]"]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\n\r", b"\r\r"])
def test_an_event_that_has_ended_waits_for_nothing(end):
    assert EventSplitter().feed(b"data: a" + end) == [b"a"]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_long_event_in_many_pieces_takes_time_by_its_length_only(line_end):
    splitter = EventSplitter()
    stream = b"data: " + b"x" * 6 * 2**20 + line_end * 2
    began = time.process_time()

    for start in range(0, len(stream), 1400):
        events = splitter.feed(stream[start : start + 1400])

    assert [len(data) for data in events] == [6 * 2**20]
    # A tenth of a second; looked through anew for each piece it is ten.
    assert time.process_time() - began < 2


def test_an_end_without_its_empty_line_is_there_to_see():
    splitter = EventSplitter()
    splitter.feed(b"data: {}\r\n\r\ndata: [DONE]\r\n")

    assert splitter.unfinished == b"[DONE]"


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


async def test_what_came_last_while_nobody_read_is_not_lost():
    frames = gathered(pieces(b"a", b"b", b"c"), 0.01)
    got = await anext(frames)
    for _ in range(10):  # the source comes to its end meanwhile
        await asyncio.sleep(0)

    assert got + b"".join([frame async for frame in frames]) == b"abc"
