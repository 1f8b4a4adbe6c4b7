"""A request whose models, tiers or tenant change while it is under way."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deployments.errors import UpstreamError
from deployments.protocol.backend import Answer, BackendRequest, Settlement
from serve_app.gateway import Gateway
from serve_app.http.api import build_api
from tests.fakes import CATALOG, Records, ScriptedBackend, gateway

BODY = {"messages": [{"role": "user", "content": "hi"}]}
TENANT = {"id": "t", "alpha": 0.5, "keys": [{"env": "TEST_KEY"}]}
# Without the model that answers first, and without the tier `narrow` that names it.
SMALLER = {
    "catalog": {"models": [spec for spec in CATALOG if spec["id"] != "small"]},
    "cost_tiers": {"economy": {"alpha": 0.2}},
    "tenants": [TENANT],
}


class Paused(ScriptedBackend):
    """Begins to answer, and goes on once it may."""

    def __init__(self, errors: dict[str, Any] | None = None) -> None:
        super().__init__(errors)
        self.begun, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def complete(self, request: BackendRequest) -> Answer:
        self.begun.set()
        await self.may_go_on.wait()
        return await super().complete(request)

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        self.begun.set()
        async for item in super().stream(request):
            yield item
            await self.may_go_on.wait()


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")


async def asked(made: Gateway, content: Any) -> httpx.Response:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_api(made), raise_app_exceptions=False),
        base_url="http://test",
        headers={"authorization": "Bearer k"},
    ) as client:
        return await client.post("/v1/chat/completions", content=content)


async def across_the_change(backend: Paused, records: Records, **more: object) -> Any:
    """The answer to a request under way while its first model leaves the catalog."""
    made = gateway(backend=backend, sink=records, tenants=[TENANT])
    asking = asyncio.create_task(asked(made, json.dumps({**BODY, **more}).encode()))
    await backend.begun.wait()
    made.apply(SMALLER)
    backend.may_go_on.set()
    return await asking


async def test_an_answer_outlives_its_model_s_place_in_the_catalog():
    records = Records()
    response = await across_the_change(Paused(), records)

    assert response.status_code == 200
    assert response.headers["x-routed-model"] == "small"
    assert [(record.status, record.cost_usd) for record in records] == [
        ("answered", 0.25)
    ]


async def test_so_does_a_stream_to_its_end():
    records = Records()
    response = await across_the_change(Paused(), records, stream=True)

    assert response.text.endswith("data: [DONE]\n\n")
    assert [(record.status, record.cost_usd) for record in records] == [
        ("answered", 0.25)
    ]


async def test_a_model_that_was_dropped_because_it_fails_is_followed_by_the_next():
    backend = Paused({"small": UpstreamError("down")})
    response = await across_the_change(backend, Records())

    assert response.headers["x-routed-model"] == "other"
    assert response.headers["x-routing-fallbacks"] == "1; small=upstream_error"


async def test_a_tier_that_goes_while_the_body_comes_still_counts_for_it():
    tenant = {"id": "t", "cost_tier": "narrow", "keys": [{"env": "TEST_KEY"}]}
    made = gateway(tenants=[tenant])

    async def body() -> AsyncIterator[bytes]:
        whole = json.dumps(BODY).encode()
        yield whole[:10]
        made.apply(SMALLER)
        yield whole[10:]

    response = await asked(made, body())

    assert response.status_code == 200
    assert response.headers["x-routing-alpha"] == "0.9"
