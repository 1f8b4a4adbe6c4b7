"""How an upstream's answer ends: complete, broken off, or with nothing in it."""

import json
from collections.abc import AsyncIterator

import httpcore
import httpx
import pytest

from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.openrouter import OpenRouterBackend, UpstreamConfig
from deployments.protocol import BackendRequest, Settlement, Surface, Usage
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
