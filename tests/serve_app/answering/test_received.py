"""What has arrived of a stream: how much, and of which answer."""

import json
from dataclasses import replace

import pytest

from deployments.backends.tokens import count_tokens
from deployments.catalog import Price
from deployments.errors import UpstreamError
from deployments.protocol.backend import (
    BackendRequest,
    Ending,
    Settlement,
    Surcharges,
    Usage,
)
from serve_app.access.request_size import PromptSize
from serve_app.answering.received import Received

HEAD = {"id": "gen-1", "created": 1, "object": "chat.completion.chunk"}
FILTERS = {"id": "", "created": 0, "object": "", "choices": []}


def priced(**of_tokens: float) -> BackendRequest:
    return BackendRequest("r", "m", "them/m", b"{}", Price(**of_tokens))


def wire(**event: object) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


def received(*frames: bytes) -> Received:
    made = Received()
    for frame in frames:
        made.add(frame)
    return made


@pytest.mark.parametrize(
    "frames",
    [
        (wire(**HEAD), wire(**{**HEAD, "id": "gen-2"})),
        (wire(**FILTERS), wire(**HEAD)),
        (wire(**FILTERS) + wire(**HEAD),),
        (wire(choices=[]), b"data: secret\n\n", wire(**HEAD)),
    ],
)
def test_the_head_is_that_of_the_first_event_with_an_id(frames):
    made = received(*frames)

    assert made.head == HEAD
    assert made.generation_id == "gen-1"


def test_without_an_id_the_first_event_tells_what_it_can():
    made = received(wire(created=1, choices=[]), wire(created=2, choices=[]))

    assert made.head == {"created": 1}
    assert made.generation_id is None
    assert made.n_events == 2


def test_an_event_is_counted_once_whatever_it_says():
    said = {"delta": {"content": "data: a\n\ndata: b"}}

    assert received(wire(**HEAD, choices=[said])).n_events == 1


def test_what_the_upstream_said_wins_over_what_was_counted():
    request = priced(input_usd_per_token=1, output_usd_per_token=1)
    prompt = PromptSize(())
    error = UpstreamError("cut")
    made = received(wire(**HEAD))

    assert made.settled(error, request, prompt).cost_source == "estimated"

    error.settlement = Settlement(None, None, "unknown")
    assert made.settled(error, request, prompt).cost_source == "estimated"

    error.settlement = Settlement(Usage(2, 300, 302), 0.5, "upstream")
    assert made.settled(error, request, prompt) is error.settlement


def test_what_was_received_is_estimated_with_at_least_a_token_an_event():
    request = priced(input_usd_per_token=1, output_usd_per_token=10)
    prompt = PromptSize((), n_tokens=7)
    ending = Ending(wire(**HEAD), Settlement(None, None, "unknown"))
    made = received(wire(**HEAD) + wire(**HEAD), ending)

    settled = made.settled(None, request, prompt)
    assert settled.usage == Usage(7, 3, 10)
    assert (settled.cost_usd, settled.cost_source) == (37, "estimated")


SENTENCE = " The quick brown fox jumps over the lazy dog, and the dog does not mind."


def said(text: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def tokens_of(made: Received) -> int:
    settled = made.estimate(priced(input_usd_per_token=1), PromptSize(()))
    assert settled.usage is not None
    return settled.usage.completion_tokens


def test_an_event_that_says_a_sentence_is_its_tokens():
    frames = [wire(**HEAD, **said(SENTENCE)) for _ in range(300)]

    assert tokens_of(received(*frames)) == 300 * count_tokens(SENTENCE)


def test_of_events_that_gather_in_frames_each_counts():
    tokens = [wire(**HEAD, **said(" dog")) for _ in range(300)]
    frames = [b"".join(tokens[i : i + 7]) for i in range(0, 300, 7)]

    assert tokens_of(received(*frames)) == 300


def test_of_a_long_answer_few_frames_are_kept():
    made = received(*[wire(**HEAD, **said(" dog")) for _ in range(5000)])
    frames = [value for value in vars(made).values() if isinstance(value, list)]

    assert sum(map(len, frames)) < 20
    assert tokens_of(made) == 5000


def test_a_picture_in_an_event_is_no_text():
    picture = {"images": [{"image_url": {"url": "data:;base64," + "A" * 100_000}}]}
    frames = [wire(**HEAD, choices=[{"delta": picture}])] * 3

    assert tokens_of(received(*frames)) == 3


def test_an_answer_that_writes_of_events_has_no_more_of_them():
    said = {"choices": [{"delta": {"content": "data: [1]\n\ndata: [2]\n\n"}}]}

    assert received(wire(**HEAD, **said), wire(**HEAD)).n_events == 2


def test_of_nothing_nothing_is_estimated():
    request = priced(input_usd_per_token=1, output_usd_per_token=10)
    settled = received().settled(None, request, PromptSize((), n_tokens=7))

    assert settled == Settlement(None, None, "unknown")


def test_an_event_of_the_responses_api_has_its_id_inside():
    made = received(wire(type="response.created", response={"id": "resp-1"}))

    assert made.generation_id == "resp-1"


@pytest.mark.parametrize("asked", [Surcharges("priority"), Surcharges(extras=True)])
def test_what_may_be_charged_beside_the_tokens_is_not_estimated(asked):
    """The end of the answer would have said whether it was."""
    request = priced(input_usd_per_token=1, output_usd_per_token=10)
    request = replace(request, surcharges=asked)
    settled = received(wire(**HEAD)).settled(None, request, PromptSize(()))

    assert settled == Settlement(Usage(0, 1, 1), None, "unknown")


@pytest.mark.parametrize(
    ("told", "settled"),
    [
        # A token was written when it was told, and nine since.
        ((Usage(7, 1, 8), 17, "price_table"), (Usage(7, 10, 17), 107, "estimated")),
        ((Usage(7, 1, 8), 0.5, "upstream"), (Usage(7, 10, 17), 107, "estimated")),
        ((Usage(7, 1, 8), 150, "upstream"), (Usage(7, 10, 17), 150, "estimated")),
        ((Usage(7, 1, 8), None, "unknown"), (Usage(7, 10, 17), None, "unknown")),
        ((Usage(0, 0, 0), 0, "price_table"), (Usage(6, 10, 16), 106, "estimated")),
        (
            (Usage(7, 30, 37), 307, "price_table"),
            (Usage(7, 30, 37), 307, "price_table"),
        ),
    ],
)
def test_what_was_told_before_the_end_is_the_least_of_what_was_written(told, settled):
    request = priced(input_usd_per_token=1, output_usd_per_token=10)
    error = UpstreamError("cut")
    made = received(*[wire(**HEAD, **said(" dog")) for _ in range(10)])

    error.settlement = Settlement(*told)
    prompt = PromptSize((), n_tokens=6)
    assert made.settled(error, request, prompt) is error.settlement

    error.settlement = replace(error.settlement, early=True)
    found = made.settled(error, request, prompt)
    assert (found.usage, found.cost_usd, found.cost_source) == settled


def test_what_an_upstream_charged_by_then_is_no_cost_where_there_is_no_price():
    error = UpstreamError("cut")
    error.settlement = Settlement(Usage(7, 1, 8), 0.5, "upstream", early=True)
    made = received(*[wire(**HEAD, **said(" dog")) for _ in range(10)])

    found = made.settled(error, priced(), PromptSize(()))
    assert (found.cost_usd, found.cost_source) == (None, "unknown")
