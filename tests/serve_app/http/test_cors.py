"""What browsers are told of pages that ask."""

import httpx
import pytest

from serve_app.http.api import build_api
from tests.fakes import ScriptedBackend, gateway
from tests.serve_app.http.api_client import CHAT, MESSAGES, client

PAGE = "https://app.example.com"
# As a browser asks before the request itself: without a key.
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    "authorization": "",
}
ALLOWED = "access-control-allow-origin"


@pytest.mark.parametrize(
    ("origins", "told"), [(["https://x.example.com", PAGE], PAGE), (["*"], "*")]
)
async def test_a_page_of_a_named_origin_may_ask_and_read_all_headers(origins, told):
    asked = {"messages": MESSAGES, "stream": True}
    async with client(cors_origins=origins) as c:
        before = await c.options(CHAT, headers=PREFLIGHT)
        answer = await c.post(CHAT, json=asked, headers={"origin": PAGE})
        refused = await c.post(CHAT, json={}, headers={"origin": PAGE})

    assert (before.status_code, answer.status_code) == (200, 200)
    assert "x-stainless-lang" in before.headers["access-control-allow-headers"]
    assert "POST" in before.headers["access-control-allow-methods"]
    assert refused.status_code == 400
    for response in (before, answer, refused):
        assert response.headers[ALLOWED] == told
    for response in (answer, refused):
        assert response.headers["access-control-expose-headers"] == "*"
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("origins", [[], ["https://x.example.com"]])
async def test_a_page_of_another_origin_may_not(origins):
    async with client(cors_origins=origins) as c:
        before = await c.options(CHAT, headers=PREFLIGHT)
        answer = await c.post(
            CHAT, json={"messages": MESSAGES}, headers={"origin": PAGE}
        )

    assert before.is_client_error
    for response in (before, answer):
        assert ALLOWED not in response.headers


async def test_a_page_can_read_that_an_error_is_ours():
    backend = ScriptedBackend({"small": RuntimeError("unforeseen")})
    app = build_api(gateway(backend=backend, cors_origins=[PAGE]))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": "Bearer sk-av-t", "origin": PAGE}
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as c:
        answer = await c.post(CHAT, json={"messages": MESSAGES}, headers=headers)

    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"
    assert answer.headers[ALLOWED] == PAGE


async def test_an_error_of_ours_still_comes_to_whoever_logs_it():
    backend = ScriptedBackend({"small": RuntimeError("unforeseen")})
    async with client(backend=backend, cors_origins=[PAGE]) as c:
        with pytest.raises(RuntimeError, match="unforeseen"):
            await c.post(CHAT, json={"messages": MESSAGES}, headers={"origin": PAGE})
