"""What a chat's stream tells before its first words is held until they come."""

import json

import pytest

from deployments.backends.chat_stream import ChatStream
from deployments.backends.sse import EventSplitter
from deployments.errors import UpstreamError


def wire(**event: object) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


def chunk(text: str) -> bytes:
    return wire(model="them/theirs", choices=[{"delta": {"content": text}}])


def events(passed_on: bytes) -> list[dict]:
    return [json.loads(data) for data in EventSplitter().feed(passed_on)]


# Azure's: what its filters say of the prompt.
FILTERS = wire(choices=[], id="", model="", prompt_filter_results=[{}])
ROLE = wire(model="them/theirs", choices=[{"delta": {"role": "assistant"}}])
EMPTY = chunk("")
NULLS = wire(
    model="them/theirs",
    choices=[
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "refusal": None},
            "finish_reason": None,
            "logprobs": None,
            "content_filter_results": {"hate": {"filtered": False}},
        }
    ],
)
COMMENT = b": OPENROUTER PROCESSING\n\n"
ANNOUNCEMENTS = [FILTERS, ROLE, EMPTY, NULLS, COMMENT, FILTERS + NULLS + COMMENT]


@pytest.mark.parametrize("announced", ANNOUNCEMENTS)
def test_what_announces_an_answer_waits_for_its_first_words(announced):
    stream = ChatStream("ours")

    assert stream.feed(announced) == b""
    assert stream.n_events == 0
    passed = events(stream.feed(chunk("a")))
    assert len(passed) == 1 + announced.count(b"data: ")
    assert {event["model"] for event in passed} == {"ours"}
    assert stream.n_events == 1


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("announced", ANNOUNCEMENTS)
def test_an_error_after_the_announcement_is_raised_at_once(announced, together):
    """Nothing has been passed on: another model can still answer."""
    stream = ChatStream("ours")
    error = wire(error={"code": 502, "message": "secret"})
    if not together:
        assert stream.feed(announced) == b""
        announced = b""

    with pytest.raises(UpstreamError):
        stream.feed(announced + error)


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"content": " "}},
        {"delta": {"role": "assistant", "tool_calls": [{"index": 0}]}},
        {"delta": {"reasoning": "hm"}},
        {"delta": {"reasoning_content": "hm", "content": ""}},
        {"delta": {"refusal": "No."}},
        {"delta": {}, "finish_reason": "stop"},
        {"text": "a", "finish_reason": None},
    ],
)
def test_the_first_words_wait_for_nothing(choice):
    stream = ChatStream("ours")
    passed = stream.feed(ROLE + wire(model="them/theirs", choices=[choice]))

    assert len(events(passed)) == 2
    assert stream.n_events == 1


def test_an_answer_of_no_word_still_begins():
    stream = ChatStream("ours")
    passed = stream.feed(ROLE) + stream.feed(b"data: [DONE]\n\n")

    assert len(events(passed)) == 1
    assert stream.done
