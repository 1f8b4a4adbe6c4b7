"""A started stream, to its very end."""

import json
from collections.abc import AsyncIterator

import pytest

from deployments.errors import UpstreamError
from deployments.protocol.backend import Ending, Item, Settlement, Usage
from serve_app.answering.answered import Answered
from serve_app.answering.received import Received
from serve_app.answering.streamed import Started
from serve_app.http.event_stream import LastPiece
from serve_app.http.streaming import sse_body, usage_object
from tests.fakes import FIRST_EVENT, SETTLEMENT

ANSWERED = Answered("small", "simulator", "routed", 0.5, None, ())
DONE = b"data: [DONE]\n\n"


class Frames:
    """A source that remembers whether it was closed."""

    def __init__(self, *items: Item | Exception) -> None:
        self._items = items
        self.received = Received()
        self.closed = False

    async def read(self) -> AsyncIterator[Item]:
        try:
            for item in self._items:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, bytes):
                    self.received.add(item)
                yield item
        finally:
            self.closed = True


async def said(frames: Frames, *, include_usage: bool = False) -> list[bytes]:
    started = Started(ANSWERED, frames.read(), frames.received)
    return [part async for part in sse_body(started, include_usage=include_usage)]


async def test_without_being_asked_no_usage_is_sent():
    assert await said(Frames(FIRST_EVENT, SETTLEMENT)) == [FIRST_EVENT, DONE]


async def test_the_usage_event_repeats_the_head_of_the_first():
    _, last = await said(Frames(FIRST_EVENT, SETTLEMENT), include_usage=True)
    usage, done = last.removesuffix(DONE), last[-len(DONE) :]

    counts = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    assert json.loads(usage.removeprefix(b"data: ")) == {
        "id": "gen-1",
        "created": 1,
        "object": "chat.completion.chunk",
        "model": "small",
        "choices": [],
        "usage": {**counts, "cost": 0.25},
    }
    assert done == DONE


async def test_what_came_with_the_end_goes_with_it():
    frames = Frames(FIRST_EVENT, Ending(b"data: {}\n\n", SETTLEMENT))

    assert await said(frames) == [FIRST_EVENT, LastPiece(b"data: {}\n\n" + DONE)]


async def test_a_stream_of_the_responses_api_ends_with_its_own_event():
    frames = Frames(FIRST_EVENT, Ending(b"event: last\n\n", SETTLEMENT))
    started = Started(ANSWERED, frames.read(), frames.received)
    body = sse_body(started, include_usage=True, surface="responses")
    *_, last = [part async for part in body]

    assert last == b"event: last\n\n"
    assert isinstance(last, LastPiece)


async def test_an_error_becomes_an_event_and_nothing_is_done():
    first, last = await said(Frames(FIRST_EVENT, UpstreamError("It broke.")))

    assert first == FIRST_EVENT
    assert json.loads(last.removeprefix(b"data: "))["error"]["message"] == "It broke."


async def test_a_client_that_leaves_closes_the_source():
    frames = Frames(FIRST_EVENT, SETTLEMENT)
    body = sse_body(
        Started(ANSWERED, frames.read(), frames.received), include_usage=False
    )
    await anext(body)
    await body.aclose()  # type: ignore[attr-defined]

    assert frames.closed


@pytest.mark.parametrize(
    ("settlement", "expected"),
    [
        (Settlement(None, None, "unknown"), None),
        (
            Settlement(Usage(9, 2, 11, 4, 5, 3), None, "unknown"),
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "total_tokens": 11,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
        ),
    ],
)
def test_what_is_unknown_is_left_out_of_the_usage(settlement, expected):
    assert usage_object(settlement) == expected


def test_what_is_known_to_be_nothing_is_told_and_what_is_unknown_is_not():
    free = Settlement(Usage(2, 3, 5, cached_tokens=0), 0.0, "upstream")
    assert usage_object(free) == {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 0},
        "cost": 0.0,
    }

    unknown = usage_object(Settlement(Usage(2, 3, 5), None, "unknown"))
    assert unknown is not None
    assert {"cost", "prompt_tokens_details"}.isdisjoint(unknown)


def test_what_else_the_upstream_says_of_its_usage_is_told_as_in_a_whole_answer():
    said = {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 1},
        "completion_tokens_details": {"audio_tokens": 2, "reasoning_tokens": 0},
        "cost": 0.2,
        "is_byok": True,
        "cost_details": {"upstream_inference_cost": 0.3},
    }
    usage = Usage(2, 3, 5, cached_tokens=1, reasoning_tokens=0)
    settlement = Settlement(usage, 0.5, "upstream", said=said)

    assert usage_object(settlement) == {**said, "cost": 0.5}


def test_tokens_that_an_upstream_counts_otherwise_are_told_as_they_are_charged():
    said = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 9}
    usage = Usage(2, 7, 9, reasoning_tokens=4)

    told = usage_object(Settlement(usage, None, "unknown", said=said))
    assert told is not None
    assert told["completion_tokens"] == 7
