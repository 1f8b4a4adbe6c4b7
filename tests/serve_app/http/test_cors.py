"""What browsers are told of pages that ask."""

import pytest

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
