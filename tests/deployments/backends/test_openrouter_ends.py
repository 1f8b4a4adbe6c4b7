"""How an upstream's answer ends: complete, broken off, or with nothing in it."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpcore
import httpx
import pytest

from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.openrouter import OpenRouterBackend, UpstreamConfig
from deployments.backends.sse import EventSplitter
from deployments.errors import RateLimited, UpstreamError
from deployments.protocol.backend import BackendRequest, Settlement, Surface, Usage
from tests.fakes import parts_of

USAGE = {"prompt_tokens": 2, "completion_tokens": 300, "cost": 0.5}
CHARGED = Settlement(Usage(2, 300, 302), 0.5, "upstream")
BREAKS = (
    httpx.RemoteProtocolError("cut"),
    httpcore.ConnectionNotAvailable("disowned"),
    ConnectionResetError("reset"),
)


def wire(**event: object) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


def chunk(text: str, finish: str | None = None, **changes: object) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return wire(model="them/theirs", choices=[choice], **changes)


BILL = wire(choices=[], usage=USAGE)
DONE = b"data: [DONE]\n\n"


class Body(httpx.AsyncByteStream):
    """Pieces, and then perhaps a break."""

    def __init__(self, *pieces: bytes, then: Exception | None = None) -> None:
        self._pieces = pieces
        self._then = then

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._then is not None:
            raise self._then


def backend(response: httpx.Response) -> OpenRouterBackend:
    transport = HttpxTransport(httpx.MockTransport(lambda _: response))
    surfaces: frozenset[Surface] = frozenset({"chat/completions", "responses"})
    config = UpstreamConfig(base_url="http://upstream/v1/", surfaces=surfaces)
    return OpenRouterBackend(config, None, transport=transport)


def request(surface: Surface = "chat/completions") -> BackendRequest:
    return BackendRequest("req-1", "ours", "them/theirs", b"{}", surface=surface)


async def streamed(
    body: Body, surface: Surface = "chat/completions"
) -> tuple[bytes, Settlement]:
    kind = {"content-type": "text/event-stream"}
    made = backend(httpx.Response(200, headers=kind, stream=body))
    frames, settlement = await parts_of(made.stream(request(surface)))
    return b"".join(frames), settlement


@pytest.mark.parametrize("then", BREAKS, ids=repr)
async def test_nothing_fails_an_answer_that_was_said_to_be_complete(then):
    passed, settlement = await streamed(Body(chunk("a") + BILL + DONE, then=then))

    assert b'"a"' in passed
    assert settlement == CHARGED


@pytest.mark.parametrize("then", BREAKS, ids=repr)
async def test_nothing_fails_a_complete_response_either(then):
    usage = {"input_tokens": 2, "output_tokens": 300, "cost": 0.5}
    end = wire(type="response.completed", response={"id": "r", "usage": usage})

    _, settlement = await streamed(Body(end, then=then), "responses")

    assert settlement == CHARGED


def read(passed: bytes) -> list[dict]:
    return [json.loads(data) for data in EventSplitter().feed(passed)]


async def test_without_done_it_broke_off_but_what_it_cost_is_known():
    body = Body(chunk("a"), chunk("", "stop"), BILL)

    with pytest.raises(UpstreamError, match="before it was complete") as raised:
        await streamed(body)

    assert raised.value.settlement == CHARGED


@pytest.mark.parametrize(
    "end",
    [
        (BILL, b"data: [DONE]"),
        (BILL + b"data: [DONE]\r\n",),
        (BILL, b"data: [DONE] \n\n"),
        (BILL, b"data: [DONE] "),
        (b"", BILL, b"", DONE),  # HTTP/2 has frames without a byte
        (b"data:\n\n", BILL + b"data: \n\n" + DONE),  # to keep it alive
    ],
)
async def test_a_body_that_ends_after_all_was_said_is_complete(end):
    passed, settlement = await streamed(Body(chunk("a"), *end))

    said = [event["choices"][0]["delta"]["content"] for event in read(passed)]
    assert [text for text in said if text] == ["a"]
    assert settlement == CHARGED


@pytest.mark.parametrize(
    "end",
    [
        (),
        (chunk("", "stop"),),
        (chunk("", usage=USAGE),),
        (chunk("", "stop"), chunk("", usage=USAGE)),
        (BILL,),
    ],
)
async def test_a_body_that_ends_before_is_cut(end):
    with pytest.raises(UpstreamError, match="ended before it was complete"):
        await streamed(Body(chunk("a"), *end))


@pytest.mark.parametrize(
    ("end", "then"),
    [
        (BILL, None),
        (BILL, httpx.ReadError("reset")),
        (BILL + b"data: secret\n\n", None),
        (wire(error={"code": 502}, usage=USAGE), None),
        (wire(choices=[{"error": {"code": 502}}], usage=USAGE), None),
    ],
)
async def test_what_was_told_before_a_break_goes_with_the_error(end, then):
    with pytest.raises(UpstreamError) as raised:
        await streamed(Body(chunk("a"), end, then=then))

    assert raised.value.settlement == CHARGED


async def test_a_response_that_fails_says_what_it_was_charged():
    usage = {"input_tokens": 2, "output_tokens": 300, "cost": 0.5}
    failed = {"id": "r", "error": {"code": "server_error"}, "usage": usage}
    begun = wire(type="response.output_text.delta", delta="a")

    with pytest.raises(UpstreamError) as raised:
        await streamed(
            Body(begun, wire(type="response.failed", response=failed)), "responses"
        )

    assert raised.value.settlement == CHARGED


async def test_a_choice_that_ends_by_an_error_fails_its_stream():
    error = {"code": 502, "message": "secret"}
    choice = {"delta": {}, "finish_reason": "error", "error": error}
    piece = chunk("a") + wire(model="them/theirs", choices=[choice]) + BILL + DONE

    with pytest.raises(UpstreamError, match="status 502"):
        await streamed(Body(piece))
    with pytest.raises(UpstreamError, match="status 502"):
        await streamed(Body(chunk("a"), chunk("b"), piece))


MALFORMED = {
    "delta": {"content": ""},
    "finish_reason": "error",
    "native_finish_reason": "MALFORMED_FUNCTION_CALL",
}


@pytest.mark.parametrize("before", [(), (chunk("a"),), (chunk("a"), chunk("b"))])
async def test_a_choice_that_ends_as_an_error_and_says_no_more_fails_its_stream(before):
    end = wire(model="them/theirs", choices=[MALFORMED]) + BILL + DONE

    with pytest.raises(UpstreamError, match="reported an error"):
        await streamed(Body(*before, end))


async def test_an_answer_that_ends_as_an_error_and_says_no_more_is_none():
    body = {"choices": [{"message": {"content": ""}, **MALFORMED}], "usage": USAGE}

    with pytest.raises(UpstreamError, match="reported an error") as raised:
        await backend(httpx.Response(200, json=body)).complete(request())
    assert raised.value.settlement == CHARGED


@pytest.mark.parametrize(
    "body", [{}, {"detail": "secret"}, {"choices": None}, {"choices": []}]
)
async def test_an_answer_without_a_choice_is_none(body):
    with pytest.raises(UpstreamError, match="answer is empty"):
        await backend(httpx.Response(200, json=body)).complete(request())


async def test_a_choice_that_ended_by_an_error_is_no_answer_but_may_cost():
    choice = {"error": {"code": 429, "message": "secret"}, "finish_reason": "error"}
    body = {"id": "gen-7", "choices": [choice], "usage": USAGE}

    with pytest.raises(RateLimited) as raised:
        await backend(httpx.Response(200, json=body)).complete(request())

    assert raised.value.generation_id == "gen-7"
    assert raised.value.settlement == replace(CHARGED, generation_id="gen-7")


@pytest.mark.parametrize(
    ("body", "early"),
    [
        ((chunk("a", usage=USAGE), *[chunk("b")] * 3), True),
        ((chunk("a", usage=USAGE) + chunk("b") + chunk("c"),), True),
        ((chunk("a", usage=USAGE), chunk("b", usage=USAGE)), False),
        ((chunk("a"), chunk("b"), BILL), False),
        ((chunk("a"), BILL, wire(error={"message": "?"})), False),
    ],
)
async def test_whether_an_answer_went_on_after_it_told_its_usage(body, early):
    with pytest.raises(UpstreamError) as raised:
        await streamed(Body(*body, then=BREAKS[0]))

    assert raised.value.settlement == replace(CHARGED, early=early)


async def test_whether_a_response_did():
    nothing = {"input_tokens": 0, "output_tokens": 0}
    begun = wire(type="response.created", response={"id": "r", "usage": nothing})
    said = wire(type="response.output_text.delta", delta="a")

    with pytest.raises(UpstreamError) as raised:
        await streamed(Body(begun, said, then=BREAKS[0]), "responses")

    assert raised.value.settlement is not None
    assert raised.value.settlement.early
