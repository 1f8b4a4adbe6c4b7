"""OpenRouter's backend beside an upstream that answers what a test says."""

import json

import httpx

from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.openrouter import OpenRouterBackend, OpenRouterConfig
from deployments.catalog import Price
from deployments.protocol.backend import Answer, BackendRequest, Settlement
from tests.fakes import parts_of

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

    transport = HttpxTransport(httpx.MockTransport(answer))
    return OpenRouterBackend(OpenRouterConfig(), KEY, transport=transport)


def unary(**changes: object) -> httpx.Response:
    body = {"model": "them/theirs", "choices": [{"message": {"content": "hi"}}]}
    return httpx.Response(200, json={**body, **changes})


def stream(*events: object, done: bool = True) -> httpx.Response:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    lines += ["data: [DONE]\n\n"] if done else []
    kind = {"content-type": "text/event-stream"}
    return httpx.Response(200, content="".join(lines), headers=kind)


def chunk(text: str, **changes: object) -> dict[str, object]:
    choices = [{"index": 0, "delta": {"content": text}}]
    return {"id": "gen", "model": "them/theirs", "choices": choices, **changes}


async def streamed(response: httpx.Response) -> tuple[list[bytes], Settlement]:
    return await parts_of(backend(response).stream(REQUEST))


async def asked(response: httpx.Response, *, streams: bool) -> Answer | object:
    """The whole answer, or the first item of a stream."""
    made = backend(response)
    return await (anext(made.stream(REQUEST)) if streams else made.complete(REQUEST))


def reported(
    status: int, error: object, *, streams: bool, late: bool
) -> httpx.Response:
    """An error by its status or, `late`, in what begins as an answer."""
    if not late:
        return httpx.Response(status, json={"error": error})
    return stream({"error": error}) if streams else unary(error=error)
