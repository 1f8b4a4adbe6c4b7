"""The real HAProxy behind the wrapper: who keeps a connection, and for how long."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from tests.serve_app.launching.proxy import CHAT, Proxied, running, text

CLIENT_S = 2  # `timeout client` of proxy.CONFIG
MAXCONN = 100  # of proxy.CONFIG
KEY = {"authorization": "Bearer sk-av-x"}
NOBODY: dict[str, str] = {}


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    yield from running(tmp_path)


def connected(proxied: Proxied, source: str = "127.0.0.1") -> socket.socket:
    port = httpx.URL(proxied.url).port
    assert port is not None
    return socket.create_connection(
        ("127.0.0.1", port), timeout=30, source_address=(source, 0)
    )


def refused(proxied: Proxied, source: str) -> bool:
    """Whether one connection more is closed or reset at once."""
    with suppress(ConnectionError), connected(proxied, source) as connection:
        return connection.recv(4096) == b""
    return True


def silent(
    before: bytes, *, pause_s: float
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers with a stream that pauses after `before`."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-type", "text/event-stream")
        request.send_header("content-length", str(len(before) + 3))
        request.end_headers()
        request.wfile.write(before)
        time.sleep(pause_s)
        request.wfile.write(b"end")

    return answer


@pytest.mark.parametrize("before", [b"", b"data: {}\n\n"])
def test_a_stream_is_silent_for_longer_than_its_client_may_be(proxied, before):
    proxied.a.answer = proxied.b.answer = silent(before, pause_s=CLIENT_S + 1.5)
    response = proxied.client.post(CHAT, json={}, headers=KEY)

    assert response.content == before + b"end"


def test_a_client_that_takes_nothing_of_its_answer_is_left(proxied):
    ended = threading.Event()

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.send_response(200)
        request.end_headers()
        with suppress(OSError):
            while True:
                request.wfile.write(bytes(2**20))
        ended.set()

    proxied.a.answer = proxied.b.answer = endless
    with connected(proxied) as connection:
        connection.sendall(f"GET {CHAT} HTTP/1.1\r\nhost: x\r\n\r\n".encode())

        assert ended.wait(CLIENT_S + 20)


def test_all_connections_idle_shut_nobody_out(proxied):
    proxied.a.answer = proxied.b.answer = text(200, "application/json")
    with ExitStack() as idle:
        for _ in range(MAXCONN):
            idle.enter_context(connected(proxied))
        answer = proxied.client.post(CHAT, json={}, headers=KEY)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("asked", "headers", "status", "kept"),
    [
        (f"POST {CHAT}", KEY, 200, True),
        (f"POST /tiers/x{CHAT}", KEY, 429, True),
        (f"POST {CHAT}", KEY, 401, False),
        (f"POST {CHAT}", NOBODY, 401, False),
        (f"OPTIONS {CHAT}", KEY, 200, False),
        ("GET /v1/nothing", KEY, 404, False),
        ("GET /healthz", KEY, 200, False),
        ("GET /nowhere", KEY, 200, False),  # HAProxy's own 404
    ],
)
def test_a_connection_is_kept_if_a_key_opened_something(
    proxied, asked, headers, status, kept
):
    proxied.a.answer = proxied.b.answer = text(status, "application/json")
    with httpx.Client(base_url=proxied.url, trust_env=False) as client:
        answer = client.request(*asked.split(), headers=headers)
        stream = answer.extensions["network_stream"]
        time.sleep(0.2)
        closed = stream.get_extra_info("is_readable")

    assert closed is not kept
    assert (answer.headers.get("connection") == "close") is not kept


def test_http_2_whose_connections_would_stay_is_not_spoken(proxied):
    with connected(proxied) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4]))
        connection.sendall(bytes(5))

        assert connection.recv(4096).startswith(b"HTTP/1.1 4")


def test_a_body_that_never_ends_keeps_no_connection_without_a_key(proxied):
    def refuse(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        text(401, "application/json")(request)

    proxied.a.answer = proxied.b.answer = refuse
    proxied.a.reads = proxied.b.reads = False  # as the Gateway, without a key
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n"
    with connected(proxied) as connection:
        connection.sendall(head.encode())
        since = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - since < CLIENT_S + 20:
                connection.sendall(b"x")  # more often than `timeout client`
                time.sleep(0.2)

    assert time.monotonic() - since < CLIENT_S + 1


def test_one_source_takes_as_many_connections_as_it_may(tmp_path):
    some = {"AVENGERS_CONNECTIONS_PER_SOURCE": "5"}
    for proxied in running(tmp_path, environment=some):
        proxied.a.answer = proxied.b.answer = text(200, "application/json")
        with ExitStack() as idle:
            for _ in range(5):
                kept = idle.enter_context(connected(proxied, "127.0.0.2"))
                kept.sendall(
                    b"GET /v1/x HTTP/1.1\r\nhost: x\r\nauthorization: x\r\n\r\n"
                )
                assert kept.recv(4096)  # it is counted before the next one comes

            assert refused(proxied, "127.0.0.2")
            assert proxied.client.post(CHAT, json={}).status_code == 200
