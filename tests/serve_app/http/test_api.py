"""The HTTP surface on a real Gateway, without Ray: statuses, envelopes, headers."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from deployments.errors import (
    RoutingUnavailable,
    UpstreamError,
)
from serve_app.access import request_size
from serve_app.http.api import build_api
from tests.fakes import CATALOG, FixedRouter, ScriptedBackend, gateway
from tests.serve_app.http.api_client import CHAT, MESSAGES, client


async def test_an_answer_and_its_headers():
    backend = ScriptedBackend()
    async with client(backend=backend) as c:
        response = await c.post(CHAT, json={"messages": MESSAGES, "seed": 1})

    assert response.status_code == 200
    assert response.json()["model"] == response.headers["x-routed-model"] == "small"
    assert response.headers["x-routing"] == "routed"
    assert response.headers["x-routing-alpha"] == "0.5"
    assert response.headers["x-routing-artifact"] == "0123456789ab"
    assert response.headers["x-response-cost-usd"] == "0.25"
    sent = json.loads(backend.requests[0].body)
    assert sent == {"messages": MESSAGES, "seed": 1, "model": "them/small"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "path_not_found"),
        ("GET", CHAT, 405, "method_not_allowed"),
        ("GET", "/v1/models/other", 404, "model_not_found"),
        ("GET", "/openapi.json", 404, "path_not_found"),
    ],
)
async def test_paths_that_do_not_exist(method, path, status, code):
    async with client() as c:
        response = await c.request(method, path)

    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert response.headers.get("allow") == ("POST" if status == 405 else None)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/", "/tiers/x/v1/models/a"])
async def test_a_method_that_a_path_does_not_have_is_told_those_that_it_has(path):
    async with client() as c:
        response = await c.delete(path)

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    message = response.json()["error"]["message"]
    assert message == "This path answers GET, HEAD only."


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"messages": MESSAGES}),
        ("/tiers/economy/v1/route", {"messages": MESSAGES}),
        ("/v1/models", None),
        ("/v1/models/small", None),
        ("/healthz", None),
        ("/v1/nope", None),
    ],
)
async def test_a_slash_at_the_end_of_a_path_changes_nothing(path, body):
    method = "POST" if body else "GET"
    async with client() as c:
        plain = await c.request(method, path, json=body)
        slashed = await c.request(method, f"{path}/", json=body)

    assert slashed.status_code == plain.status_code
    if body is None and plain.is_success:
        assert slashed.content == plain.content


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/models", "/v1/usage"])
async def test_what_can_be_read_answers_head_with_the_same_status(path):
    async with client() as c:
        read, asked = await c.get(path), await c.head(path)

    assert asked.status_code == read.status_code != 405


async def test_while_a_long_prompt_is_measured_other_requests_go_on(monkeypatch):
    counting, others_went_on = threading.Event(), threading.Event()

    def count_tokens(text: str) -> int:
        counting.set()
        return 9 if others_went_on.wait(5) else 10**9

    monkeypatch.setattr(request_size, "count_tokens", count_tokens)
    models = [{**spec, "context_window": 1000} for spec in CATALOG]
    messages = [{"role": "user", "content": "a" * 300_000}]
    async with client(catalog={"models": models}) as c:
        long = asyncio.create_task(c.post(CHAT, json={"messages": messages}))
        assert await asyncio.to_thread(counting.wait, 5)
        assert (await c.post(CHAT, json={"messages": MESSAGES})).status_code == 200
        others_went_on.set()

        assert (await long).status_code == 200


async def test_a_long_prompt_takes_no_thread_for_which_others_wait(monkeypatch):
    """Changed accounts are taken in by the loop's own, and upstreams' names found."""
    counting, others_went_on = threading.Event(), threading.Event()

    def count_tokens(text: str) -> int:
        counting.set()
        others_went_on.wait(20)
        return 9

    monkeypatch.setattr(request_size, "count_tokens", count_tokens)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    messages = [{"role": "user", "content": "a" * 300_000}]
    async with client() as c, asyncio.timeout(20):
        long = asyncio.create_task(c.post(CHAT, json={"messages": messages}))
        try:
            while not counting.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.wait_for(asyncio.to_thread(lambda: None), 5)
        finally:
            others_went_on.set()
        assert (await long).status_code == 200


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
@pytest.mark.parametrize(
    "words", [{"stream_options": {"include_usage": True}}, {"usage": {"include": True}}]
)
async def test_a_stream_ends_with_usage_and_done(path, words):
    asked = {"messages": MESSAGES} if path == CHAT else {"prompt": "hi"}
    async with client() as c:
        response = await c.post(path, json={**asked, "stream": True, **words})

    *_, usage, done, rest = response.text.split("\n\n")
    assert json.loads(usage[6:])["usage"]["cost"] == 0.25
    assert json.loads(usage[6:])["id"] == "gen-1"
    assert (done, rest) == ("data: [DONE]", "")


@pytest.mark.parametrize("words", [{}, {"usage": {"include": False}}, {"usage": 1}])
async def test_a_stream_tells_no_usage_that_nobody_asks_for(words):
    async with client() as c:
        body = {"messages": MESSAGES, "stream": True, **words}
        response = await c.post(CHAT, json=body)

    assert '"usage"' not in response.text


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("//v1/completions/", "/v1/completions"),
        ("/tiers/economy/responses", "/tiers/economy/v1/responses"),
        ("/v1/files", None),
        ("/", None),
    ],
)
async def test_a_wrong_base_url_is_told_which_path_it_should_have_led_to(path, right):
    async with client() as c:
        response = await c.post(f"http://here{path}", json={"messages": MESSAGES})

    error = response.json()["error"]
    assert error["code"] == "path_not_found"
    hint = f", only {right!r}: a client's base URL ends with /v1" if right else ""
    assert error["message"] == f"There is no path {path!r}{hint}."


async def test_tiers_by_path_and_by_name():
    router = FixedRouter()
    body = {"messages": MESSAGES}
    async with client(router=router) as c:
        await c.post(f"/tiers/economy{CHAT}", json=body)
        await c.post(CHAT, json={**body, "model": "auto:narrow"})
        clash = {**body, "model": "auto:narrow"}
        response = await c.post(f"/tiers/economy{CHAT}", json=clash)

    assert [query.alpha for query in router.queries] == [0.2, 0.9]
    assert router.queries[1].candidates == ("small",)
    assert response.status_code == 400


async def test_a_key_sees_its_own_models_only():
    async with client() as c:
        listed = (await c.get("/v1/models")).json()["data"]

    names = [entry["id"] for entry in listed]
    assert names == ["auto", "auto:economy", "auto:narrow", "large", "small"]


async def test_prompts_reach_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    backend = ScriptedBackend({"small": UpstreamError("down")})
    router = FixedRouter(error=RoutingUnavailable("gone"))
    async with client(router, backend) as c:
        await c.post(CHAT, json={"messages": MESSAGES})

    assert caplog.records
    assert "secret" not in caplog.text


async def test_a_named_model_need_not_be_in_the_tenant_s_own_tier():
    keys = [{"env": "TEST_KEY"}]
    tenants = [{"id": "t", "cost_tier": "narrow", "keys": keys}]
    async with client(tenants=tenants) as c:
        named = await c.post(CHAT, json={"messages": MESSAGES, "model": "large"})
        auto = await c.post(CHAT, json={"messages": MESSAGES})

    assert named.headers["x-routed-model"] == "large"
    assert auto.headers["x-routed-model"] == "small"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_decision_is_explained_with_the_answer_if_that_is_asked_for(stream):
    async with client() as c:
        body = {"messages": MESSAGES, "stream": stream, "routing": {"explain": True}}
        response = await c.post(CHAT, json=body)

    if stream:
        *_, last, done = [part for part in response.text.split("\n\n") if part]
        assert done == "data: [DONE]"
        answer = json.loads(last.removeprefix("data: "))
        assert answer["choices"] == []
    else:
        answer = response.json()
    assert answer["routing"]["model"] == response.headers["x-routed-model"]
    assert [row["model"] for row in answer["routing"]["ranking"]] == ["small", "large"]


@pytest.mark.parametrize("path", [CHAT, "/v1/route"])
async def test_a_request_that_is_being_sent_keeps_the_cost_tier_that_goes(path):
    keys = [{"env": "TEST_KEY"}]

    def live(name: str) -> dict[str, object]:
        tenant = {"id": "t", "cost_tier": name, "keys": keys}
        return {
            "cost_tiers": {name: {"alpha": 0.9, "models": ["small"]}},
            "tenants": [tenant],
        }

    made = gateway(**live("gold"))
    body = json.dumps({"messages": MESSAGES}).encode()

    async def sent() -> AsyncIterator[bytes]:
        yield body[:5]
        made.apply(live("silver"))
        yield body[5:]

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_api(made)),
        base_url="http://test",
        headers={"authorization": "Bearer sk-av-t"},
    ) as c:
        response = await c.post(path, content=sent())

    assert "gold" not in made.directory.cost_tiers
    assert (response.status_code, response.json().get("error")) == (200, None)
