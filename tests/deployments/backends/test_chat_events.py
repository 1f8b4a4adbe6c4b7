"""Which events of a chat stream pass unread."""

import pytest

from deployments.backends.chat_events import plain
from deployments.backends.sse import DONE

WORDS = b'{"choices":[{"delta":{"content":"the \\"error\\" of usage"}}]}'
PASSES = [
    WORDS,
    b'{"choices":[]}',
    b'{"choices":[{"delta":{"content":"caf\\u00e9"}}],"usage":null,"error":null}',
    b'{"choices":[{"delta":{"annotations":[]},"finish_reason":"stop"}]}',
    b"{}",
]
STOPS = [
    b'{"error":{"message":"no"}}',
    b'{"\\u0065rror":{"message":"no"}}',
    b'{"choices":[],"usage":{"prompt_tokens":1}}',
    b'{"choices":[{"finish_reason":"error"}]}',
    b'{"choices":[{"delta":{"annotations":[{"type":"url_citation"}]}}]}',
    b'{"choices":\n[]}',
    b"{} {}",
    b"{",
    b"7",
    b"[]",
]


@pytest.mark.parametrize("stop", STOPS)
def test_what_is_to_be_read_ends_what_passes(stop):
    assert plain([WORDS, stop, WORDS]) == 1
    assert plain([stop]) == 0


@pytest.mark.parametrize("event", PASSES)
def test_what_says_nothing_of_failure_or_cost_passes(event):
    assert plain([event, WORDS, event]) == 3
    assert plain([event, DONE]) == 1


def test_nothing_is_nothing():
    assert plain([]) == plain([DONE]) == 0
