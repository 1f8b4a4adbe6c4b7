"""The HTTP surface on a real Gateway, without Ray: statuses, envelopes, headers."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from deployments.errors import (
    InvalidRequest,
    PromptFlagged,
    RateLimited,
    RoutingUnavailable,
    UpstreamError,
)
from serve_app.answering import prompt_size
from serve_app.http.api import build_api
from tests.fakes import CATALOG, FixedRouter, ScriptedBackend, gateway

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "tell me a secret"}]


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")


@asynccontextmanager
async def client(
    router=None, backend=None, **config
) -> AsyncIterator[httpx.AsyncClient]:
    app = build_api(gateway(router, backend, **config))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers={"authorization": "Bearer sk-av-t"},
    ) as made:
        yield made


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
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        ({}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": "hi"}, 400, "messages"),
        ({"messages": [{"role": "user", "content": 3}]}, 400, "messages[0].content"),
        ({"messages": [{"role": "x", "content": "a"}]}, 400, "messages[0].role"),
        ({"messages": MESSAGES, "stream": "yes"}, 400, "stream"),
        ({"messages": MESSAGES, "routing": {"alpha": 1.5}}, 400, "routing.alpha"),
        ({"messages": MESSAGES, "routing": {"alpha": "0"}}, 400, "routing.alpha"),
        ({"messages": MESSAGES, "routing": {"beta": 1}}, 400, "routing.beta"),
        ({"messages": MESSAGES, "routing": {"models": ["x"]}}, 400, "routing.models"),
        ({"messages": MESSAGES, "model": "no-such"}, 404, "model"),
        ({"messages": MESSAGES, "model": "auto:gold"}, 404, "model"),
        ({"messages": MESSAGES, "model": "auto:"}, 404, "model"),
        ({"messages": MESSAGES, "model": "other"}, 403, "model"),
        ({"messages": MESSAGES, "model": "small", "tools": [{}]}, 400, "model"),
    ],
)
async def test_bad_requests(body, status, param):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client() as c:
        response = await c.post(CHAT, content=content)

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (status, param)
    assert set(error) == {"message", "type", "param", "code"}
    assert "secret" not in response.text


async def test_nan_is_not_json():
    content = b'{"messages": [], "routing": {"alpha": NaN}}'
    async with client() as c:
        response = await c.post(CHAT, content=content)

    assert response.json()["error"]["code"] == "invalid_json"


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [300, 1000])
@pytest.mark.parametrize(
    "body",
    [
        '{"messages": [{"role": "user", "content": "hi"}], "metadata": %s}',
        '{"messages": [{"role": "user", "content": "hi"}], "tools": [{"a": %s}]}',
        '{"messages": [{"role": "user", "content": "hi", "x": %s}]}',
    ],
)
async def test_json_that_is_too_deep_to_be_passed_on_is_refused(body, levels):
    async with client() as c:
        response = await c.post(CHAT, content=body % nested(levels))

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_json"


@pytest.mark.parametrize("field", ["metadata", "tools", "messages"])
async def test_what_can_be_passed_on_is_however_deep(field):
    values = {
        "metadata": nested(250),
        "tools": f'[{{"a": {nested(250)}}}]',
        "messages": f'[{{"role": "user", "content": "a", "x": {nested(249)}}}]',
    }
    first = '"messages": [{"role": "user", "content": "a"}], "model": "large"'
    async with client() as c:
        body = f'{{{first}, "{field}": {values[field]}}}'
        response = await c.post(CHAT, content=body)

    assert response.status_code == 200


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/route"])
@pytest.mark.parametrize("kind", [[], {}, 1, None])
async def test_a_part_whose_type_is_no_text_is_of_no_known_kind(path, kind):
    said = [{"role": "user", "content": [{"type": kind, "text": "a"}]}]
    field = "input" if path == "/v1/responses" else "messages"
    async with client() as c:
        response = await c.post(path, json={field: said})

    assert response.status_code == 200


async def test_an_output_s_part_may_be_of_any_type():
    output = {"type": "function_call_output", "output": [{"type": [], "text": "x"}]}
    async with client() as c:
        response = await c.post("/v1/responses", json={"input": [output]})

    assert response.status_code == 200


@pytest.mark.parametrize("alpha", ["nan", "2", "-0.1", "much", "inf"])
async def test_a_bad_alpha_header(alpha):
    async with client() as c:
        body = {"messages": MESSAGES}
        response = await c.post(CHAT, json=body, headers={"x-routing-alpha": alpha})

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "x-routing-alpha"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer sk-av-x", "Basic sk-av-t"])
async def test_without_a_known_key_nothing_is_read(header):
    async with client() as c:
        headers = {"authorization": header}
        response = await c.post(CHAT, content=b"{", headers=headers)

    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit(chunked):
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 10

    async with client(limits={"max_body_bytes": 100}) as c:
        content = parts() if chunked else b" " * 200
        response = await c.post(CHAT, content=content)

    assert response.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", CHAT, 405),
        ("GET", "/v1/models/other", 404),
        ("GET", "/openapi.json", 404),
    ],
)
async def test_paths_that_do_not_exist(method, path, status):
    async with client() as c:
        response = await c.request(method, path)

    assert response.status_code == status
    assert "message" in response.json()["error"]
    assert response.headers.get("allow") == ("POST" if status == 405 else None)


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


async def test_a_content_length_that_python_cannot_read_is_too_long():
    headers = {"content-length": "9" * 5000}
    async with client() as c:
        response = await c.post(CHAT, content=b"{}", headers=headers)

    assert response.status_code == 413


async def test_while_a_long_prompt_is_measured_other_requests_go_on(monkeypatch):
    counting, others_went_on = threading.Event(), threading.Event()

    def count_tokens(text: str) -> int:
        counting.set()
        return 9 if others_went_on.wait(5) else 10**9

    monkeypatch.setattr(prompt_size, "count_tokens", count_tokens)
    models = [{**spec, "context_window": 1000} for spec in CATALOG]
    messages = [{"role": "user", "content": "a" * 300_000}]
    async with client(catalog={"models": models}) as c:
        long = asyncio.create_task(c.post(CHAT, json={"messages": messages}))
        assert await asyncio.to_thread(counting.wait, 5)
        assert (await c.post(CHAT, json={"messages": MESSAGES})).status_code == 200
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


@pytest.mark.parametrize(
    ("path", "hinted"),
    [
        ("/chat/completions", True),
        ("/v1/v1/chat/completions", True),
        ("/tiers/economy/responses", True),
        ("/v1/files", False),
        ("/", False),
    ],
)
async def test_a_base_url_without_its_end_is_told_of(path, hinted):
    async with client() as c:
        error = (await c.post(path, json={"messages": MESSAGES})).json()["error"]

    assert error["code"] == "path_not_found"
    assert ("base URL ends with /v1" in error["message"]) is hinted


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
