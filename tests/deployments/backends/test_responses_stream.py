"""An upstream's stream of named events: renamed, billed, never ended on its behalf."""

import json

import pytest

from deployments.backends.responses_stream import ResponsesStream
from deployments.errors import (
    InvalidRequest,
    PromptFlagged,
    PromptTooLong,
    RateLimited,
    UpstreamError,
    UpstreamRefusal,
)
from deployments.protocol.backend import Usage

USAGE = {
    "input_tokens": 2,
    "output_tokens": 3,
    "total_tokens": 5,
    "input_tokens_details": {"cached_tokens": 1},
    "output_tokens_details": {"reasoning_tokens": 2},
    "cost": 0.5,
}


def wire(name: str, end: str = "\n", **fields: object) -> bytes:
    data = json.dumps({"type": name, **fields})
    return f"event: {name}{end}data: {data}{end}{end}".encode()


def told(name: str, **fields: object) -> bytes:
    response = {"id": "resp", "model": "them/theirs", "error": None, **fields}
    return wire(f"response.{name}", response=response)


def delta(text: str) -> bytes:
    return wire("response.output_text.delta", delta=text)


WHOLE = (
    b": OPENROUTER PROCESSING\n\n"
    + told("created", status="in_progress")
    + told("in_progress", status="in_progress")
    + delta("Forty")
    + delta(' "model": "them/theirs" é')
    + told("completed", status="completed", usage=USAGE)
)


def events(passed_on: bytes) -> list[tuple[str, dict]]:
    """Names and data, as a client reads them."""
    blocks = [block.split("\n") for block in passed_on.decode().split("\n\n") if block]
    return [(name[7:], json.loads(data[6:])) for name, data in blocks]


def test_events_keep_their_names_and_carry_our_name_for_the_model():
    stream = ResponsesStream("ours")
    passed = events(stream.feed(WHOLE))
    stream.finish()

    assert [name for name, _ in passed] == [data["type"] for _, data in passed]
    models = [data["response"]["model"] for _, data in passed if "response" in data]
    assert models == ["ours"] * 3
    assert passed[3][1]["delta"] == ' "model": "them/theirs" é'


def test_the_last_event_states_usage_and_cost_and_keeps_them():
    stream = ResponsesStream("ours")
    name, last = events(stream.feed(WHOLE))[-1]

    assert name == "response.completed"
    assert last["response"]["usage"] == USAGE
    assert stream.usage == Usage(2, 3, 5, cached_tokens=1, reasoning_tokens=2)
    assert stream.cost_usd == 0.5


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_it_does_not_matter_where_the_bytes_are_cut(end):
    wired = WHOLE.replace(b"\n", end.encode())
    together = ResponsesStream("ours").feed(WHOLE)
    for size in (1, 2, 3, 7, 64):
        stream = ResponsesStream("ours")
        pieces = (wired[i : i + size] for i in range(0, len(wired), size))
        assert b"".join(map(stream.feed, pieces)) == together
        assert stream.done


def test_what_announces_the_answer_comes_with_its_first_words():
    stream = ResponsesStream("ours")

    assert stream.feed(told("created") + told("in_progress")) == b""
    assert stream.n_events == 0
    names = [name for name, _ in events(stream.feed(delta("a")))]
    assert names == [
        "response.created",
        "response.in_progress",
        "response.output_text.delta",
    ]
    assert stream.n_events == 1


@pytest.mark.parametrize(
    ("kind", "n_events"), [("reasoning", 0), ("message", 0), ("function_call", 1)]
)
def test_a_model_that_begins_to_think_has_said_nothing_yet(kind, n_events):
    stream = ResponsesStream("ours")
    begins = wire("response.output_item.added", item={"id": "rs", "type": kind})
    passed = stream.feed(told("created") + begins)

    assert stream.n_events == n_events
    assert bool(passed) == bool(n_events)
    names = [name for name, _ in events(passed + stream.feed(delta("a") + begins))]
    assert names == [
        "response.created",
        "response.output_item.added",
        "response.output_text.delta",
        "response.output_item.added",
    ]


MESSAGE = {"type": "message", "content": [], "role": "assistant"}
BEGINNINGS = (
    told("created")
    + wire("response.output_item.added", item=MESSAGE)
    + wire("response.content_part.added", part={"type": "output_text", "text": ""})
)


def test_an_empty_part_that_is_to_be_filled_says_nothing_yet():
    stream = ResponsesStream("ours")

    assert stream.feed(BEGINNINGS) == b""
    assert stream.n_events == 0
    assert len(events(stream.feed(delta("a")))) == 4


def test_a_failure_after_the_announcement_is_raised_at_once():
    stream = ResponsesStream("ours")
    failed = told("failed", error={"code": "server_error"})

    with pytest.raises(UpstreamError):
        stream.feed(BEGINNINGS + failed)


def test_what_keeps_a_connection_alive_is_no_word_of_the_model():
    stream = ResponsesStream("ours")
    alive = wire("keepalive", sequence_number=2)

    assert stream.feed(told("created") + alive) == b""
    assert stream.n_events == 0
    names = [name for name, _ in events(stream.feed(delta("a") + alive))]
    assert names == [
        "response.created",
        "keepalive",
        "response.output_text.delta",
        "keepalive",
    ]
    assert stream.n_events == 1


@pytest.mark.parametrize("tail", [b"", b"data: [DONE]\n\n", delta("too late")])
def test_nothing_comes_after_the_end(tail):
    stream = ResponsesStream("ours")
    whole = stream.feed(WHOLE + tail)
    stream.finish()

    assert events(whole)[-1][0] == "response.completed"
    assert b"[DONE]" not in whole


@pytest.mark.parametrize("name", ["acme:trace_event", "response.x-y.Done"])
def test_an_event_that_only_this_upstream_has_passes(name):
    passed = ResponsesStream("ours").feed(wire(name, a=1))

    assert events(passed) == [(name, {"type": name, "a": 1})]


def test_an_answer_that_was_cut_short_by_its_limit_is_complete():
    stream = ResponsesStream("ours")
    stream.feed(delta("a") + told("incomplete", usage=USAGE))
    stream.finish()

    assert stream.usage is not None


def test_an_end_without_usage_leaves_it_unknown():
    stream = ResponsesStream("ours")
    stream.feed(told("completed", usage=None))

    assert stream.done
    assert (stream.usage, stream.cost_usd) == (None, None)


def test_a_stream_that_is_cut_is_not_complete():
    stream = ResponsesStream("ours")
    stream.feed(told("created") + delta("a"))

    with pytest.raises(UpstreamError, match="ended before it was complete"):
        stream.finish()


def test_done_alone_completes_nothing():
    stream = ResponsesStream("ours")

    assert stream.feed(delta("a") + b"data: [DONE]\n\n")
    with pytest.raises(UpstreamError, match="ended before it was complete"):
        stream.finish()


def test_an_event_on_several_data_lines_becomes_one_line():
    stream = ResponsesStream("ours")
    passed = stream.feed(b'data: {"type": "response.x",\ndata: "delta": "a"}\n\n')

    assert events(passed) == [("response.x", {"type": "response.x", "delta": "a"})]


SECRET = {"message": "secret"}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (wire("error", **SECRET), UpstreamError),
        (wire("error", code="rate_limit_exceeded", **SECRET), RateLimited),
        (wire("error", error={"code": 429, **SECRET}), RateLimited),
        (wire("error", error={"code": "invalid_prompt", **SECRET}), PromptFlagged),
        (told("failed", error={"code": "server_error", **SECRET}), UpstreamError),
        (told("failed", error={"code": "context_length_exceeded"}), PromptTooLong),
        (told("failed", error={"code": "image_parse_error"}), InvalidRequest),
        (told("failed", error={"code": "unsupported_image_type"}), InvalidRequest),
        (told("failed", error={"code": "empty_image_file"}), InvalidRequest),
        (told("failed", error={"code": "failed_to_download_image"}), InvalidRequest),
        (told("failed", error={"code": "bio_policy"}), PromptFlagged),
        (
            told("failed", error={"code": "image_content_policy_violation"}),
            PromptFlagged,
        ),
        (told("failed", error={"code": "insufficient_quota"}), UpstreamRefusal),
        (told("failed"), UpstreamError),
        (wire("response.failed"), UpstreamError),
        (b'data: {"error": {"code": 502, "message": "secret"}}\n\n', UpstreamError),
        (b"data: secret\n\n", UpstreamError),
        (b'data: ["secret"]\n\n', UpstreamError),
        (b'data: {"secret": 1}\n\n', UpstreamError),
        (b'data: {"type": ["secret"]}\n\n', UpstreamError),
        (b'data: {"type": "a\\nsecret"}\n\n', UpstreamError),
    ],
)
def test_a_failed_answer_is_told_without_the_upstream_s_words(data, error):
    stream = ResponsesStream("ours")
    stream.feed(delta("a"))
    with pytest.raises(error) as raised:
        stream.feed(data)

    assert "secret" not in str(raised.value)


def test_figures_that_cannot_be_are_not_taken():
    stream = ResponsesStream("ours")
    stream.feed(told("completed", usage={**USAGE, "cost": -5.0}))
    assert (stream.usage.total_tokens, stream.cost_usd) == (5, None)

    stream = ResponsesStream("ours")
    stream.feed(told("completed", usage={**USAGE, "output_tokens": -3}))
    assert (stream.usage, stream.cost_usd) == (None, 0.5)


def test_a_failed_answer_is_billed_for_what_it_has_used():
    stream = ResponsesStream("ours")
    with pytest.raises(UpstreamError):
        stream.feed(told("failed", error={"code": "server_error"}, usage=USAGE))

    assert stream.usage == Usage(2, 3, 5, cached_tokens=1, reasoning_tokens=2)
    assert stream.cost_usd == 0.5
