"""The upstream's answers, good and bad, over httpx's own transport seam."""

import json

import httpx
import pytest

from deployments.catalog import Price
from deployments.errors import (
    InvalidRequest,
    RateLimited,
    ServingError,
    UpstreamError,
    UpstreamTimeout,
)
from deployments.openrouter import OpenRouterBackend, OpenRouterConfig
from deployments.protocol import BackendRequest, Settlement

KEY = "sk-or-secret"
PRICE = Price(input_usd_per_token=1, output_usd_per_token=10)
REQUEST = BackendRequest("req-1", "ours", "them/theirs", b"{}", PRICE)
USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def backend(response: httpx.Response | Exception) -> OpenRouterBackend:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        if isinstance(response, Exception):
            raise response
        return response

    transport = httpx.MockTransport(answer)
    return OpenRouterBackend(OpenRouterConfig(), KEY, transport=transport)


def unary(**changes: object) -> httpx.Response:
    return httpx.Response(200, json={"model": "them/theirs", "choices": [], **changes})


def stream(*events: object, done: bool = True) -> httpx.Response:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    lines += ["data: [DONE]\n\n"] if done else []
    kind = {"content-type": "text/event-stream"}
    return httpx.Response(200, content="".join(lines), headers=kind)


def chunk(text: str, **changes: object) -> dict[str, object]:
    choices = [{"index": 0, "delta": {"content": text}}]
    return {"id": "gen", "model": "them/theirs", "choices": choices, **changes}


async def streamed(response: httpx.Response) -> list[bytes | Settlement]:
    return [item async for item in backend(response).stream(REQUEST)]


@pytest.mark.parametrize(
    ("usage", "cost_usd", "source"),
    [
        ({**USAGE, "cost": 0.25}, 0.25, "upstream"),
        (USAGE, 32.0, "price_table"),
        (None, None, "unknown"),
    ],
)
async def test_the_upstream_s_cost_wins_over_the_table(usage, cost_usd, source):
    answer = await backend(unary(usage=usage)).complete(REQUEST)

    assert json.loads(answer.body)["model"] == "ours"
    assert answer.settlement.cost_usd == cost_usd
    assert answer.settlement.cost_source == source


async def test_a_stream_is_renamed_and_settled():
    usage = {"choices": [], "usage": {**USAGE, "cost": 0.5}}
    spaced = chunk('say "model": "them/theirs"')

    *frames, settlement = await streamed(stream(chunk("a"), spaced, usage))

    events = [json.loads(e[6:]) for e in b"".join(frames).split(b"\n\n") if e]
    assert [event["model"] for event in events] == ["ours", "ours"]
    said = events[1]["choices"][0]["delta"]["content"]
    assert said == 'say "model": "them/theirs"'
    assert settlement.cost_usd == 0.5


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(400, text=KEY), InvalidRequest),
        (httpx.Response(500, text=KEY), UpstreamError),
        (httpx.Response(504), UpstreamTimeout),
        (httpx.Response(200, text="<html>"), UpstreamError),
        (unary(error={"message": "prompt", "code": 402}), UpstreamError),
        (httpx.ReadTimeout("slow"), UpstreamTimeout),
        (httpx.ConnectError("refused"), UpstreamError),
    ],
)
async def test_what_goes_wrong_is_said_in_our_words(response, error):
    with pytest.raises(error) as raised:
        await backend(response).complete(REQUEST)

    assert KEY not in str(raised.value)
    assert "prompt" not in str(raised.value)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [("7", 7.0), ("-1", 0.0), ("inf", None), ("nan", None), ("soon", None)],
)
async def test_a_rate_limit_says_when_to_come_back(stated, seconds):
    response = httpx.Response(429, headers={"retry-after": stated})

    with pytest.raises(RateLimited) as raised:
        await backend(response).complete(REQUEST)

    assert raised.value.retry_after_s == seconds


@pytest.mark.parametrize(
    "response",
    [
        stream(chunk("a"), done=False),
        stream(chunk("a"), {"error": {"message": "prompt", "code": 502}}),
        httpx.Response(200, content="x", headers={"content-type": "text/html"}),
    ],
)
async def test_a_broken_stream_is_never_a_clean_end(response):
    with pytest.raises(ServingError):
        await streamed(response)
