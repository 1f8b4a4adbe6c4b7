"""Text completions, responses and embeddings over HTTP, on a real Gateway."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from deployments.errors import PromptTooLong, UpstreamError
from serve_app.http.api import build_api
from serve_app.http.embeddings import Embeddings
from tests.fakes import (
    FIRST_EVENT,
    UPSTREAM,
    FixedRouter,
    Records,
    ScriptedBackend,
    gateway,
)
from tests.length_encoder import Lengths
from tests.serve_app.http.api_client import asking

TEXT = "Tell me a secret, and tell it so that nobody else in this room understands it."
BODIES = {"completions": {"prompt": TEXT}, "responses": {"input": TEXT}}
SURFACES = list(BODIES)


@asynccontextmanager
async def client(
    router=None, backend=None, sink=None, **config
) -> AsyncIterator[httpx.AsyncClient]:
    embeddings = Embeddings(Lengths(exact=False), timeout_s=5)
    app = build_api(gateway(router, backend, sink, **config), embeddings)
    async with asking(app) as made:
        yield made


@pytest.mark.parametrize("surface", SURFACES)
async def test_an_answer_is_routed_by_its_text_and_recorded(surface):
    router, backend, records = FixedRouter(), ScriptedBackend(), Records()
    async with client(router, backend, records) as c:
        body = {**BODIES[surface], "seed": 1, "routing": {"alpha": 0.25}}
        response = await c.post(f"/v1/{surface}", json=body)

    assert response.status_code == 200
    assert response.headers["x-routed-model"] == "small"
    assert response.headers["x-routing-alpha"] == "0.25"
    assert response.headers["x-response-cost-usd"] == "0.25"
    assert router.queries[0].text == TEXT
    (sent,) = backend.requests
    assert sent.surface == surface
    assert json.loads(sent.body)["seed"] == 1
    assert json.loads(sent.body)["model"] == "them/small"
    (record,) = records
    assert (record.surface, record.cost_usd) == (surface, 0.25)


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_prompt_too_long_is_told_by_the_field_that_it_is_in(surface):
    backend = ScriptedBackend({"small": PromptTooLong("long", param="messages")})
    async with client(backend=backend) as c:
        body = {**BODIES[surface], "model": "small"}
        error = (await c.post(f"/v1/{surface}", json=body)).json()["error"]

    assert [error["code"], {error["param"]}] == [PromptTooLong.code, {*BODIES[surface]}]


@pytest.mark.parametrize("surface", SURFACES)
async def test_models_tiers_and_headers_are_those_of_chat(surface):
    path, body = f"/v1/{surface}", BODIES[surface]
    async with client() as c:
        named = await c.post(path, json={**body, "model": "large"})
        tier = await c.post(f"/tiers/economy{path}", json=body)
        alias = await c.post(path, json={**body, "model": "auto:narrow"})
        header = await c.post(path, json=body, headers={"x-routing-alpha": "0.75"})
        unknown = await c.post(path, json={**body, "model": "no-such"})
        stranger = await c.post(path, content=b"{", headers={"authorization": ""})

    assert named.headers["x-routed-model"] == "large"
    alphas = [answer.headers["x-routing-alpha"] for answer in (tier, alias, header)]
    assert alphas == ["0.2", "0.9", "0.75"]
    assert (unknown.status_code, stranger.status_code) == (404, 401)


async def test_capabilities_are_read_of_a_response_s_own_fields():
    body = {**BODIES["responses"], "tools": [{"type": "function", "name": "f"}]}
    async with client() as c:
        able = await c.post("/v1/responses", json=body)
        unable = await c.post("/v1/responses", json={**body, "model": "small"})

    assert able.headers["x-routed-model"] == "large"
    assert unable.status_code == 400


async def test_a_stream_of_completions_ends_with_usage_and_done():
    body = {**BODIES["completions"], "stream": True}
    body["stream_options"] = {"include_usage": True}
    async with client() as c:
        response = await c.post("/v1/completions", json=body)

    *_, usage, done, rest = response.text.split("\n\n")
    assert json.loads(usage[6:])["object"] == "text_completion"
    assert json.loads(usage[6:])["usage"]["cost"] == 0.25
    assert (done, rest) == ("data: [DONE]", "")


async def test_a_stream_of_a_response_gets_no_event_of_ours():
    body = {**BODIES["responses"], "stream": True}
    async with client() as c:
        response = await c.post("/v1/responses", json=body)

    assert response.content == FIRST_EVENT
    assert response.headers["content-type"].startswith("text/event-stream")


async def test_a_response_that_breaks_off_ends_with_an_error_event():
    backend = ScriptedBackend(cut=UpstreamError("It broke."))
    async with client(backend=backend) as c:
        body = {**BODIES["responses"], "stream": True}
        response = await c.post("/v1/responses", json=body)

    *_, last, rest = response.text.split("\n\n")
    name, data = last.split("\n")
    flat = {"message": "It broke.", "code": "upstream_error", "param": None}
    error = {**flat, "type": "upstream_error"}
    assert name == "event: error"
    assert json.loads(data[6:]) == {
        **flat,
        "type": "error",
        "error": error,
        "sequence_number": 1,
    }
    assert rest == ""


@pytest.mark.parametrize("surface", SURFACES)
async def test_the_next_model_answers_where_one_fails(surface):
    backend = ScriptedBackend({"small": UpstreamError("down")})
    async with client(backend=backend) as c:
        response = await c.post(f"/v1/{surface}", json=BODIES[surface])

    assert response.headers["x-routing-fallbacks"] == "1; small=upstream_error"


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_path_that_no_upstream_has_is_refused_by_its_code(surface):
    chatting = {"fake": {"base_url": UPSTREAM["base_url"]}}
    async with client(backends={"upstreams": chatting}) as c:
        response = await c.post(f"/v1/{surface}", json=BODIES[surface])

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "unsupported_endpoint"


async def test_what_would_have_to_be_stored_is_refused():
    async with client() as c:
        body = {**BODIES["responses"], "previous_response_id": "resp_1"}
        response = await c.post("/v1/responses", json=body)

    error = response.json()["error"]
    assert response.status_code == 400
    assert error["code"] == "unsupported_parameter"
    assert error["param"] == "previous_response_id"


@pytest.mark.parametrize("prefix", ["/v1", "/tiers/economy/v1"])
async def test_embeddings(prefix):
    async with client() as c:
        response = await c.post(f"{prefix}/embeddings", json={"input": "abc"})

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json()["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize(
    ("path", "content", "key", "status"),
    [
        ("/v1", b"{", "sk-av-x", 401),
        ("/v1", b"{", "sk-av-t", 400),
        ("/v1", b'{"input": "a", "model": "other"}', "sk-av-t", 404),
        ("/v1", b" " * 200, "sk-av-t", 413),
        ("/tiers/gold/v1", b'{"input": "a"}', "sk-av-t", 404),
    ],
)
async def test_embeddings_that_are_refused(path, content, key, status):
    async with client(limits={"max_body_bytes": 100}) as c:
        headers = {"authorization": f"Bearer {key}"}
        response = await c.post(f"{path}/embeddings", content=content, headers=headers)

    assert response.status_code == status
    assert "message" in response.json()["error"]


async def test_without_an_embedder_there_are_no_embeddings():
    headers = {"authorization": "Bearer sk-av-t"}
    transport = httpx.ASGITransport(build_api(gateway()))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as c:
        body = {"input": "a"}
        response = await c.post("/v1/embeddings", json=body, headers=headers)

    assert response.status_code == 404
