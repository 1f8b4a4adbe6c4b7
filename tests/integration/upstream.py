"""A real HTTP server in the place of OpenRouter, which does what a request asks it to.

A client's `metadata` passes through the gateway untouched, so a test says there what
the upstream is to do: `{"fail": UPSTREAM_MODEL}` answers 500 for that model,
`{"cut": "yes"}` breaks the stream off in the middle, `{"drip": "yes"}` goes on for
half a minute.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

_EVENTS = "text/event-stream"
COST_USD = 0.00125
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 10,
    "cost": COST_USD,
}


class Upstream:
    """Keeps what it was asked, so that a test can look at it."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.dripping = Event()

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.keys.add(request.headers["authorization"])
        orders = body.get("metadata", {})
        if orders.get("fail") == body["model"]:
            return JSONResponse({"error": {"message": "out of order"}}, 500)
        if "drip" in orders:
            return StreamingResponse(self._drip(body["model"]), media_type=_EVENTS)
        if body.get("stream"):
            events = _events(body["model"], cut="cut" in orders)
            return StreamingResponse(events, media_type=_EVENTS)
        message = {"role": "assistant", "content": "Forty two."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse(
            {**_head(body["model"]), "choices": [choice], "usage": USAGE}
        )

    async def _drip(self, model: str) -> AsyncIterator[str]:
        self.dripping.set()
        try:
            for _ in range(300):
                yield _chunk(model, "drop ")
                await asyncio.sleep(0.1)
        finally:
            self.dripping.clear()


def _chunk(model: str, text: str) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return f"data: {json.dumps({**_head(model), 'choices': [choice]})}\n\n"


def _head(model: str) -> dict[str, Any]:
    return {
        "id": "gen-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "provider": "Test",
    }


async def _events(model: str, *, cut: bool) -> AsyncIterator[str]:
    yield ": OPENROUTER PROCESSING\n\n"
    for word in ("Forty", " two", "."):
        yield _chunk(model, word)
        if cut:
            return
    yield f"data: {json.dumps({**_head(model), 'choices': [], 'usage': USAGE})}\n\n"
    yield "data: [DONE]\n\n"


@contextmanager
def running(upstream: Upstream) -> Iterator[str]:
    """Serves on a free port of 127.0.0.1; yields the base URL."""
    path = "/api/v1/chat/completions"
    app = Starlette(routes=[Route(path, upstream.chat, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/api/v1/"
    finally:
        server.should_exit = True
        thread.join()
