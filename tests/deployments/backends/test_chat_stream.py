"""An upstream's stream: renamed, billed, and never ended on its behalf."""

import json
import re

import pytest

from deployments.backends.chat_stream import ChatStream
from deployments.backends.sse import EventSplitter
from deployments.errors import ServingError, UpstreamError
from deployments.protocol.backend import Usage

USAGE = {
    "prompt_tokens": 2,
    "completion_tokens": 3,
    "prompt_tokens_details": {"cached_tokens": 1},
    "cost": 0.5,
}


def wire(**event: object) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


def chunk(text: str, **changes: object) -> bytes:
    choices = [{"delta": {"content": text}}]
    return wire(model="them/theirs", provider="P", choices=choices, **changes)


def events(passed_on: bytes) -> list[dict]:
    return [json.loads(data) for data in EventSplitter().feed(passed_on)]


def test_every_event_carries_our_name_for_the_model():
    stream = ChatStream("ours")
    passed = stream.feed(chunk("a") + chunk('"model": "them/theirs"') + chunk("c"))

    assert [event["model"] for event in events(passed)] == ["ours"] * 3
    said = events(passed)[1]["choices"][0]["delta"]["content"]
    assert said == '"model": "them/theirs"'
    assert stream.provider == "P"


FILTERS = wire(choices=[], id="", model="", prompt_filter_results=[{}])


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "first", [FILTERS, FILTERS * 2, wire(model=None, choices=None), wire(choices=[])]
)
def test_the_first_event_need_not_name_the_model(first, together):
    stream = ChatStream("ours")
    pieces = [first, chunk("a"), chunk("b"), chunk("c")]
    passed = b"".join(map(stream.feed, [b"".join(pieces)] if together else pieces))

    assert b"theirs" not in passed
    assert {event["model"] for event in events(passed)} == {"ours"}
    assert passed.count(b"data: ") == first.count(b"data: ") + 3


def test_a_usage_event_without_a_name_does_not_end_the_renaming():
    stream = ChatStream("ours")
    passed = stream.feed(chunk("a") + wire(choices=[], model="", usage=USAGE))
    passed += stream.feed(chunk("b"))

    assert [event["model"] for event in events(passed)] == ["ours"] * 2


def test_a_usage_event_is_taken_out():
    stream = ChatStream("ours")
    passed = stream.feed(chunk("a") + wire(choices=[], usage=USAGE))

    assert len(events(passed)) == 1
    assert stream.usage == Usage(2, 3, 5, cached_tokens=1)
    assert stream.cost_usd == 0.5


def test_usage_beside_text_is_taken_and_the_text_passed_on():
    stream = ChatStream("ours")
    (event,) = events(stream.feed(chunk("end", usage=USAGE)))

    assert event["choices"][0]["delta"]["content"] == "end"
    assert "usage" not in event
    assert stream.usage is not None


@pytest.mark.parametrize("cost", [-5.0, True, "0.5"])
def test_a_cost_that_cannot_be_is_not_taken(cost):
    stream = ChatStream("ours")
    stream.feed(chunk("a") + wire(choices=[], usage={**USAGE, "cost": cost}))

    assert (stream.usage, stream.cost_usd) == (Usage(2, 3, 5, cached_tokens=1), None)


def test_tokens_that_cannot_be_take_neither_the_cost_nor_the_event_with_them():
    stream = ChatStream("ours")
    said = {**USAGE, "completion_tokens": -500_000}
    passed = stream.feed(chunk("a") + wire(choices=[], usage=said))

    assert len(events(passed)) == 1
    assert (stream.usage, stream.cost_usd) == (None, 0.5)


def test_done_ends_the_stream_and_is_not_passed_on():
    stream = ChatStream("ours")
    passed = stream.feed(chunk("a") + b"data: [DONE]\n\n" + chunk("too late"))
    stream.finish()

    assert len(events(passed)) == 1


def test_a_stream_that_is_cut_is_not_complete():
    stream = ChatStream("ours")
    stream.feed(chunk("a"))

    with pytest.raises(UpstreamError, match="ended before it was complete"):
        stream.finish()


def test_an_event_on_several_data_lines_stays_one_event():
    stream = ChatStream("ours")
    stream.feed(chunk("a"))
    passed = stream.feed(b'data: {"model": "them/theirs",\ndata: "choices": []}\n\n')

    assert events(passed) == [{"model": "ours", "choices": []}]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (wire(error={"code": 502, "message": "secret"}), "status 502"),
        (wire(error="secret"), "reported an error"),
        (b"data: secret\n\n", "not JSON"),
        (b'data: ["secret"]\n\n', "not an object"),
    ],
)
def test_a_bad_event_is_told_without_the_upstream_s_words(data, what):
    with pytest.raises(UpstreamError, match=what) as raised:
        ChatStream("ours").feed(data)

    assert "secret" not in str(raised.value)


def test_an_error_after_the_first_event_is_raised_as_well():
    stream = ChatStream("ours")
    stream.feed(chunk("a"))

    with pytest.raises(UpstreamError):
        stream.feed(wire(error={"message": "secret"}))


def test_what_came_before_an_error_in_the_same_piece_is_not_lost():
    stream = ChatStream("ours")
    passed = stream.feed(chunk("a") + wire(error={"message": "secret"}) + chunk("b"))

    assert len(events(passed)) == 1
    assert isinstance(stream.failure, UpstreamError)
    with pytest.raises(UpstreamError):
        stream.feed(chunk("c"))
    with pytest.raises(UpstreamError):
        stream.finish()


ENDS = {
    "done": b"data: [DONE]\n\n",
    "usage, done": wire(choices=[], usage=USAGE) + b"data: [DONE]\n\n",
    "usage beside text": chunk("z", usage=USAGE) + chunk("after it"),
    "no usage yet": chunk("z", usage=None) + chunk("after it"),
    "error": wire(error={"code": 502, "message": "secret"}) + chunk("too late"),
    "error of a choice": wire(choices=[{"error": {"code": 502}}]) + chunk("too late"),
    "no error of a choice": chunk("z").replace(b'{"delta', b'{"error":null,"delta'),
    "no choices": wire(choices=None) + wire(choices=3) + wire(choices=[3]) + chunk("z"),
    "not JSON": b"data: secret\n\n" + chunk("too late"),
    "half an event": b'data: {"choices": []\n\ndata: "model": "x"}\n\n',
    "two in one": b"data: {},{}\n\n",
    "halves and doubles": b'data: {},{}\n\ndata: {"a":1\n\ndata: "b":2}\n\n',
    "halves of a string": b'data: {}],[{}\n\ndata: {"a":"\n\ndata: "}\n\n',
    "halves of a list": b"data: {}],[{}\n\ndata: [\n\ndata: ]\n\n",
    "not an object": b"data: 3\n\n" + chunk("too late"),
    "several lines": b'data: {"model": "them/theirs",\ndata: "choices": []}\n\n',
    "a comment": b": still there\n\n" + chunk("z"),
    "no data": b"data: \n\ndata:\n\n" + chunk("z"),
    "not whole": chunk("z")[:-5],
    "nothing after done": b"data: [DONE]\n\n" + chunk("too late"),
}


def fed(pieces: list[bytes]) -> tuple[list[dict], ServingError | None, ChatStream]:
    stream, passed = ChatStream("ours"), b""
    try:
        for piece in pieces:
            passed += stream.feed(piece)
        stream.finish()
    except ServingError as error:
        return events(passed), error, stream
    return events(passed), None, stream


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_many_events_at_a_time_pass_as_one_by_one(end):
    few = [chunk("a"), chunk('"model": "them/theirs"'), chunk("c")]
    apart = re.findall(rb".+?(?:\n\n|$)", end, re.DOTALL)

    passed, error, stream = fed([few[0], b"".join(few[1:]) + end])
    each, same_error, alone = fed([*few, *apart])

    assert passed == each
    assert repr(error) == repr(same_error)
    assert (stream.usage, stream.done) == (alone.usage, alone.done)
    assert stream.n_events == alone.n_events or error


def test_an_event_without_data_is_neither_passed_on_nor_counted():
    stream = ChatStream("ours")
    passed = stream.feed(b"data:\n\n" + chunk("a") + b"data: \n\n" + chunk("b"))
    passed += stream.feed(b"data: \n\n")

    assert len(events(passed)) == 2
    assert stream.n_events == 2, "it says nothing: the next event is still waited for"


HALVES = ["\ud83d", "\ude00"]  # of one emoji, as JavaScript cuts it


@pytest.mark.parametrize("first", [[], ["a"]])
def test_half_a_character_does_not_break_the_stream(first):
    stream = ChatStream("ours")
    passed = b"".join(stream.feed(chunk(text)) for text in [*first, *HALVES, "z"])

    said = [event["choices"][0]["delta"]["content"] for event in events(passed)]
    assert said[-1] == "z"
    assert said[1:-1] == [*first, *HALVES][1:], (
        "clients may join what passes as it came"
    )


@pytest.mark.parametrize(
    "data",
    [b"NaN", b'{"a": NaN, "a": 1}', b'{"a": Infinity}', b'"\xff"', b"[" * 10**5],
)
def test_what_is_no_json_is_still_none(data):
    with pytest.raises(UpstreamError, match="is not JSON"):
        ChatStream("ours").feed(b"data: " + data + b"\n\n")


@pytest.mark.parametrize("later", [{}, {"cost": 0.5}, {"prompt_tokens": None}])
def test_a_later_usage_takes_away_nothing_that_was_told_before(later):
    stream = ChatStream("ours")
    stream.feed(chunk("a", usage=USAGE) + wire(choices=[], usage=later))

    assert stream.usage == Usage(2, 3, 5, cached_tokens=1)
    assert stream.cost_usd == 0.5
