"""The upstream's other paths: text completions and responses."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.openrouter import (
    OpenRouterBackend,
    OpenRouterConfig,
    UpstreamConfig,
)
from deployments.catalog import Timeouts
from deployments.errors import (
    InvalidRequest,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
)
from deployments.protocol.backend import BackendRequest, Settlement, Surface, Usage
from tests.deployments.backends.test_responses_stream import (
    USAGE,
    WHOLE,
    delta,
    events,
    told,
    wire,
)
from tests.fakes import parts_of

EVENTS = {"content-type": "text/event-stream"}
TEXT = (
    b'data: {"id":"cmpl","model":"t","choices":[{"text":"a"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"cost":1}}'
    b"\n\ndata: [DONE]\n\n"
)


def request(surface: Surface) -> BackendRequest:
    return BackendRequest("req-1", "ours", "them/theirs", b"{}", surface=surface)


def backend(surface: Surface, response: httpx.Response) -> OpenRouterBackend:
    def answer(asked: httpx.Request) -> httpx.Response:
        assert asked.url.path == f"/api/v1/{surface}"
        return response

    transport = HttpxTransport(httpx.MockTransport(answer))
    return OpenRouterBackend(OpenRouterConfig(), "key", transport=transport)


async def complete(surface: Surface, **body: Any) -> tuple[dict, Settlement]:
    response = httpx.Response(200, json={"model": "them/theirs", **body})
    answer = await backend(surface, response).complete(request(surface))
    return json.loads(answer.body), answer.settlement


async def test_a_whole_response_is_renamed_and_settled():
    said = {"status": "completed", "output": [], "usage": USAGE}
    body, settlement = await complete("responses", **said)

    assert body == {"model": "ours", **said}
    assert settlement.usage == Usage(2, 3, 5, cached_tokens=1, reasoning_tokens=2)
    assert (settlement.cost_usd, settlement.cost_source) == (0.5, "upstream")


async def test_a_whole_text_completion_is_renamed_and_settled():
    usage = {"prompt_tokens": 2, "completion_tokens": 3, "cost": 0.25}
    body, settlement = await complete(
        "completions", choices=[{"text": "a"}], usage=usage
    )

    assert body["model"] == "ours"
    assert settlement.cost_usd == 0.25


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ({"error": {"code": "rate_limit_exceeded", "message": "x"}}, RateLimited),
        ({"error": {"code": "invalid_image", "message": "x"}}, InvalidRequest),
        ({"error": None, "status": "failed"}, UpstreamError),
    ],
)
async def test_a_failed_response_is_an_error(failure, error):
    with pytest.raises(error):
        await complete("responses", **failure)


@pytest.mark.parametrize(
    "body", [{}, {"detail": "secret"}, {"status": "completed", "output": None}]
)
async def test_a_response_without_an_output_is_none(body):
    with pytest.raises(UpstreamError, match="answer is empty"):
        await complete("responses", **body)


@pytest.mark.parametrize(
    ("surface", "content", "cost_usd"),
    [("responses", WHOLE, 0.5), ("completions", TEXT, 1.0)],
)
async def test_a_stream_is_renamed_and_settled(surface, content, cost_usd):
    response = httpx.Response(200, content=content, headers=EVENTS)
    stream = backend(surface, response).stream(request(surface))

    frames, settlement = await parts_of(stream)

    assert b"theirs" not in b"".join(frames).replace(rb"\"them/theirs\"", b"")
    assert b"[DONE]" not in b"".join(frames)
    assert settlement.usage.total_tokens == 5
    assert settlement.cost_usd == cost_usd
    if surface == "responses":
        assert events(b"".join(frames))[-1][0] == "response.completed"


async def test_a_model_that_thinks_unseen_has_the_time_to_begin():
    class Thinking(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield told("created")
            yield wire("response.output_item.added", item={"type": "reasoning"})
            await asyncio.sleep(0.2)
            yield delta("a") + told("completed", usage=USAGE)

    response = httpx.Response(200, stream=Thinking(), headers=EVENTS)
    asked = replace(request("responses"), timeouts=Timeouts(between_tokens_s=0.02))
    _, settlement = await parts_of(backend("responses", response).stream(asked))

    assert settlement.cost_usd == 0.5


async def test_an_upstream_that_only_keeps_its_connection_alive_has_not_begun():
    class Alive(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield told("created")
            while True:
                await asyncio.sleep(0.01)
                yield wire("keepalive", sequence_number=1)

    response = httpx.Response(200, stream=Alive(), headers=EVENTS)
    asked = replace(request("responses"), timeouts=Timeouts(first_token_s=0.1))
    with pytest.raises(UpstreamTimeout, match="first_token_s"):
        await anext(backend("responses", response).stream(asked))


@pytest.mark.parametrize("surface", ["completions", "responses"])
async def test_an_upstream_that_has_no_such_path_is_not_asked(surface):
    upstream = OpenRouterBackend(
        UpstreamConfig(base_url="http://127.0.0.1:9/v1/"), None
    )

    with pytest.raises(InvalidRequest) as raised:
        await upstream.complete(request(surface))
    with pytest.raises(InvalidRequest):
        await anext(upstream.stream(request(surface)))

    assert raised.value.code == "unsupported_endpoint"
