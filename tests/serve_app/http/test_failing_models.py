"""What a client sees where a model fails, or the routing, on a real Gateway."""

import asyncio
import json

import pytest

from deployments.errors import (
    InvalidRequest,
    PromptFlagged,
    RateLimited,
    RoutingUnavailable,
    UpstreamError,
)
from tests.fakes import FixedRouter, ScriptedBackend
from tests.serve_app.http.api_client import CHAT, MESSAGES, client


async def test_a_stream_that_breaks_ends_with_an_error_event():
    backend = ScriptedBackend(cut=UpstreamError("It broke."))
    async with client(backend=backend) as c:
        body = {"messages": MESSAGES, "stream": True}
        response = await c.post(CHAT, json=body)

    *_, last, _ = response.text.split("\n\n")
    assert json.loads(last[6:])["error"]["message"] == "It broke."
    assert "[DONE]" not in response.text


@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_model_answers_where_one_fails(stream):
    backend = ScriptedBackend({"small": UpstreamError("down")})
    async with client(backend=backend) as c:
        body = {"messages": MESSAGES, "stream": stream}
        response = await c.post(CHAT, json=body)

    assert response.headers["x-routed-model"] == "large"
    assert response.headers["x-routing-fallbacks"] == "1; small=upstream_error"


@pytest.mark.parametrize(
    ("error", "status", "attempts"),
    [
        (InvalidRequest("no"), 400, 1),
        (RateLimited("later", retry_after_s=6.4), 429, 2),  # never told too soon
        (UpstreamError("down"), 502, 2),
    ],
)
async def test_when_nothing_is_left_the_last_error_is_told(error, status, attempts):
    backend = ScriptedBackend({"small": error, "large": error})
    async with client(backend=backend) as c:
        response = await c.post(CHAT, json={"messages": MESSAGES})

    assert response.status_code == status
    assert len(backend.requests) == attempts
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize("stream", [False, True])
async def test_input_that_is_flagged_is_told_at_once_where_its_model_was_named(stream):
    flagged = PromptFlagged("The upstream's moderation has flagged the input (hate).")
    backend = ScriptedBackend({"small": flagged})
    body = {"messages": MESSAGES, "stream": stream}
    async with client(backend=backend) as c:
        named = await c.post(CHAT, json={**body, "model": "small"})
        routed = await c.post(CHAT, json=body)

    assert named.status_code == 403
    assert named.json()["error"] == {
        "message": flagged.message,
        "type": "invalid_request_error",
        "param": None,
        "code": "content_policy_violation",
    }
    assert routed.headers["x-routed-model"] == "large"
    asked = [request.model for request in backend.requests]
    assert asked == ["small", "small", "large"]


@pytest.mark.parametrize(
    "router",
    [FixedRouter(error=RoutingUnavailable("gone")), FixedRouter(hang=True)],
)
async def test_routing_that_fails_does_not_fail_the_request(router):
    async with client(router=router, limits={"route_timeout_s": 0.01}) as c:
        response = await c.post(CHAT, json={"messages": MESSAGES})

    assert response.status_code == 200
    assert response.headers["x-routing"] == "fallback"
    assert response.headers["x-routed-model"] == "large"


async def test_route_reports_and_fails_openly():
    async with client() as c:
        report = (await c.post("/v1/route", json={"messages": MESSAGES})).json()
    async with client(router=FixedRouter(error=RoutingUnavailable("gone"))) as c:
        failed = await c.post("/v1/route", json={"messages": MESSAGES})
        ready = await c.get("/readyz")

    assert report["model"] == "small"
    assert [row["model"] for row in report["ranking"]] == ["small", "large"]
    assert (failed.status_code, ready.status_code) == (503, 503)


async def test_a_router_that_hangs_is_waited_for_as_long_as_by_requests():
    class Hanging(FixedRouter):
        async def route(self, queries):
            await asyncio.Event().wait()

        async def explain(self, query):
            await asyncio.Event().wait()

    async with (
        asyncio.timeout(5),
        client(router=Hanging(), limits={"route_timeout_s": 0.01}) as c,
    ):
        failed = await c.post("/v1/route", json={"messages": MESSAGES})
        ready = await c.get("/readyz")

    assert (failed.status_code, ready.status_code) == (503, 503)
    assert failed.json()["error"]["code"] == "routing_unavailable"
