"""What is refused before a model is asked, and what is not, over HTTP."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from tests.serve_app.http.api_client import CHAT, MESSAGES, client


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


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/route"])
async def test_a_compressed_body_is_refused_by_its_encoding(path):
    body = gzip.compress(json.dumps({"messages": MESSAGES}).encode())
    async with client() as c:
        headers = {"content-encoding": "GZIP"}
        response = await c.post(path, content=body, headers=headers)

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (415, "Content-Encoding")
    assert error["code"] == "unsupported_content_encoding"
    assert "'gzip'" in error["message"]
    assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["", "identity"])
async def test_a_body_that_says_it_is_not_compressed_is_read(encoding):
    headers = {"content-encoding": encoding}
    async with client() as c:
        response = await c.post(CHAT, json={"messages": MESSAGES}, headers=headers)

    assert response.status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit(chunked):
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 10

    async with client(limits={"max_body_bytes": 100}) as c:
        content = parts() if chunked else b" " * 200
        response = await c.post(CHAT, content=content)

    assert response.status_code == 413


async def test_a_content_length_that_python_cannot_read_is_too_long():
    headers = {"content-length": "9" * 5000}
    async with client() as c:
        response = await c.post(CHAT, content=b"{}", headers=headers)

    assert response.status_code == 413


@pytest.mark.parametrize("path", [CHAT, "/v1/route"])
async def test_a_body_that_never_comes_to_its_end_is_not_waited_for(path):
    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with client(limits={"body_timeout_s": 0.05}) as c:
        response = await asyncio.wait_for(c.post(path, content=stalled()), 10)

    assert response.status_code == 408
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("timeout_error", "request_timeout")
