"""The real HAProxy behind the wrapper: a replica that has stopped answering."""

import re
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from deployments.errors import ServingError
from serve_app.config import GatewayLimits
from tests.serve_app.launching.proxy import CHAT, Proxied, corrected, running, text

SERVER_S = 2


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    yield from running(tmp_path, server_s=SERVER_S)


def hangs(_request: BaseHTTPRequestHandler) -> None:
    time.sleep(SERVER_S + 3)


def stream(*pauses_s: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """An event after each pause, then the end."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-type", "text/event-stream")
        request.send_header("transfer-encoding", "chunked")
        request.end_headers()
        for pause_s in pauses_s:
            time.sleep(pause_s)
            request.wfile.write(b"1\r\n.\r\n")
        request.wfile.write(b"0\r\n\r\n")

    return answer


def test_who_waits_for_it_is_told_504_and_nobody_is_asked_again(proxied):
    proxied.a.answer = proxied.b.answer = hangs
    response = proxied.client.post(CHAT, json={})

    assert response.status_code == 504
    assert response.json()["error"].keys() == ServingError("x").body()["error"].keys()
    assert response.json()["error"]["code"] == "upstream_timeout"
    assert len(proxied.a.asked + proxied.b.asked) == 1


def test_a_stream_under_way_breaks_off(proxied):
    proxied.a.answer = proxied.b.answer = stream(0, SERVER_S + 3)
    received: list[bytes] = []
    with (
        pytest.raises(httpx.RemoteProtocolError),
        proxied.client.stream("POST", CHAT, json={}) as response,
    ):
        received.extend(response.iter_raw())

    assert received == [b"."]


def test_a_stream_that_is_never_silent_for_so_long_goes_on_for_longer(proxied):
    pauses_s = [SERVER_S / 2] * 4
    proxied.a.answer = proxied.b.answer = stream(*pauses_s)

    assert proxied.client.post(CHAT, json={}).content == b"." * len(pauses_s)


def test_where_ray_sets_no_bound_there_is_one_all_the_same(tmp_path):
    for proxied in running(tmp_path, server_s=None):
        proxied.a.answer = proxied.b.answer = text(200, "application/json")

        assert proxied.client.post(CHAT, json={}).status_code == 200
    assert bounds(tmp_path / "haproxy.cfg") == [960]
    assert GatewayLimits().request_timeout_s < 960


@pytest.mark.parametrize(
    ("stop", "stated", "bound_s"),
    [
        ("hard-stop-after 3630s", "", 3630),
        ("hard-stop-after 630s", "", 960),
        ("", "", 960),
        ("hard-stop-after 3630s", "timeout server 700s", 700),
    ],
)
def test_it_is_as_long_as_an_answer_may_take(tmp_path, stop, stated, bound_s):
    config = tmp_path / "haproxy.cfg"
    config.write_text(f"global\n    {stop}\ndefaults\n    {stated}\nfrontend x\n")
    for _ in range(2):  # a reload may find the file as it left it
        corrected(config)

        assert bounds(config) == [bound_s]


def bounds(config: Path) -> list[int]:
    found = re.findall(r"^ *timeout server (\d+)s$", config.read_text(), re.M)
    return [int(each) for each in found]
