"""The real HAProxy behind the wrapper: what clients are told when Ray's side fails."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from deployments.errors import Overloaded, ServingError
from tests.serve_app.launching.proxy import CHAT, Proxied, running, text


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    yield from running(tmp_path)


@pytest.fixture
def deserted(tmp_path: Path) -> Iterator[Proxied]:
    yield from running(tmp_path, "empty")


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Proxied]:
    yield from running(tmp_path, None)


def told(response: httpx.Response) -> tuple[int, str, str]:
    """Status, type and code, if it is OpenAI's envelope."""
    error = response.json()["error"]
    assert error.keys() == ServingError("x").body()["error"].keys()
    assert response.headers["content-type"] == "application/json"
    return response.status_code, error["type"], error["code"]


def test_a_replica_that_dies_before_its_answer_is_a_502_and_is_not_asked_again(proxied):
    response = proxied.client.post(CHAT, json={})

    assert told(response) == (502, "server_error", "replica_failed")
    assert response.headers["retry-after"] == "1"
    assert len(proxied.a.asked + proxied.b.asked) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/models"), ("POST", "/v1/route"), ("POST", "/tiers/x/v1/embeddings")],
)
def test_what_costs_nothing_is_asked_of_another_replica(proxied, method, path):
    proxied.b.answer = text(200, "text/plain")
    answers = [proxied.client.request(method, path) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert proxied.a.asked


def test_without_a_replica_it_is_overloaded(deserted):
    response = deserted.client.post(CHAT, json={})

    expected = 503, Overloaded.error_type, Overloaded.code
    assert told(response) == expected
    assert response.headers["retry-after"] == "1"


def test_before_an_application_runs_a_client_is_told_to_come_again(starting):
    response = starting.client.post(CHAT, json={})

    assert told(response) == (503, Overloaded.error_type, Overloaded.code)
    assert response.headers["retry-after"] == "1"


def test_while_an_application_is_taken_away_a_client_is_told_to_come_again(proxied):
    proxied.a.answer = proxied.b.answer = text(404, "text/plain")
    response = proxied.client.post(CHAT, json={})

    assert told(response) == (503, Overloaded.error_type, Overloaded.code)
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "overloaded"), (500, "internal_error"), (400, "bad_request")],
)
def test_what_ray_says_in_plain_text_has_the_envelope(proxied, status, code):
    proxied.a.answer = proxied.b.answer = text(status, "text/plain; charset=utf-8")
    response = proxied.client.post(CHAT, json={})

    assert (response.status_code, told(response)[2]) == (status, code)


def test_a_browser_that_asks_in_advance_is_told_what_the_gateway_says(proxied):
    proxied.a.answer = proxied.b.answer = text(400, "text/plain; charset=utf-8")

    assert proxied.client.options(CHAT).text == "Request dropped"


def test_what_the_gateway_says_itself_is_left_alone(proxied):
    proxied.a.answer = proxied.b.answer = text(503, "application/json")

    assert proxied.client.post(CHAT, json={}).text == "Request dropped"


def noted(seen: list[dict[str, str]]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers, and keeps the headers that arrived."""
    say = text(200, "application/json")

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        say(request)

    return answer


def test_what_would_steer_ray_is_taken_out_of_a_request(proxied):
    steering = {
        "x-request-timeout-seconds": "0.01",
        "X-Request-Disconnect-Disabled": "?1",
        "serve_multiplexed-model_id": "m",
        "x-session-id": "s",
    }
    kept = {"x-request-id": "mine", "x-routing-alpha": "1"}
    seen: list[dict[str, str]] = []
    proxied.a.answer = proxied.b.answer = noted(seen)
    proxied.client.post(CHAT, json={}, headers={**steering, **kept})

    assert seen[0].keys().isdisjoint(map(str.lower, steering))
    assert {name: seen[0][name] for name in kept} == kept


def test_a_websocket_is_asked_for_as_any_other_path(proxied):
    seen: list[dict[str, str]] = []
    proxied.a.answer = proxied.b.answer = noted(seen)
    key = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "upgrade": "websocket"}
    proxied.client.get("/v1/realtime", headers=key | {"connection": "upgrade"})

    assert "upgrade" not in seen[0]


@pytest.mark.parametrize(
    ("id", "known"), [(b"a b", "a b"), ("\xe9".encode(), "\xc3\xa9"), (b"\xe9", None)]
)
def test_an_id_that_ray_cannot_read_is_taken_out_of_a_request(proxied, id, known):
    seen: list[dict[str, str]] = []
    proxied.a.answer = proxied.b.answer = noted(seen)
    proxied.client.post(CHAT, json={}, headers=[(b"x-request-id", id)])

    assert seen[0].get("x-request-id") == known


def test_a_path_of_nobody_is_not_found(proxied):
    assert told(proxied.client.get("/nowhere"))[::2] == (404, "path_not_found")


def test_a_body_that_does_not_come_has_the_envelope(proxied):
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n"
    port = httpx.URL(proxied.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + b"{")
        said = connection.recv(4096)

    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'"type":"invalid_request_error"' in said


@pytest.mark.parametrize(
    "head",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + b"x: x\r\n" * 100 + b"\r\n",
        b"GET /v1/models HTTP/1.1\r\nx: " + b"x" * 15 * 2**10 + b"\r\n\r\n",
        b"GET /" + b"x" * 16 * 2**10 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnone\r\n",
    ],
)
def test_what_is_no_http_gets_a_page_that_is_compiled_into_haproxy(proxied, head):
    """As docs/http.md says; where a later HAProxy asks our error file, it may go."""
    proxied.a.answer = proxied.b.answer = text(200, "application/json")
    port = httpx.URL(proxied.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head)
        said = connection.recv(4096)

    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"<html>" in said


def test_a_head_that_comes_byte_by_byte_holds_no_connection_for_long(proxied):
    port = httpx.URL(proxied.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
        connection.sendall(f"POST {CHAT} HTTP/1.1\r\nx: ".encode())
        for _ in range(100):
            with suppress(TimeoutError):
                said = connection.recv(4096)
                break
            connection.sendall(b"x")  # more often than `timeout client`

    assert said.startswith(b"HTTP/1.1 408 ")
