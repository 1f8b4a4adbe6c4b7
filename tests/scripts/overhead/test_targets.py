"""The upstream and the bare proxy as they are measured; our gateway: integration."""

import math
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from scripts.overhead import peers
from scripts.overhead.load_process import LoadFailed
from scripts.overhead.sampling import Case, take
from scripts.overhead.targets import bare, direct, origin
from scripts.overhead.wire import MANY_WORDS
from scripts.running import NotStarted


@pytest.fixture(scope="module")
def port():
    with origin() as port:
        yield port


def test_the_upstream_is_asked_and_nobody_is_charged(port):
    with direct(port) as target:
        sample = take(port, target, Case("stream", 2, stream=True), 0.2)

    assert sample.answers > 0
    assert sample.errors == {}
    assert sample.cpu_ms == {}


def test_the_proxy_answers_and_its_time_is_told(port):
    with bare(port) as target:
        sample = take(port, target, Case("plain", 4), 0.5)

    assert sample.errors == {}
    assert sample.cpu_total_ms > 0
    assert sample.cpu_ray_ms == 0


def test_the_proxy_checks_the_key(port):
    with bare(port) as target:
        wrong = replace(target, headers={"authorization": "Bearer wrong"})
        sample = take(port, wrong, Case("plain"), 0.2)

    assert set(sample.errors) == {"status 401"}
    assert sample.answers == 0
    assert math.isnan(sample.cpu_total_ms)  # and not what all of it took


def answered(port):
    """Requests that the upstream has answered so far."""
    settings = f"http://127.0.0.1:{port}/settings"
    return httpx.put(settings, json={"delay_ms": 0}).json()["answered"]


def test_others_ask_meanwhile_and_are_not_counted(port):
    before = answered(port)
    with direct(port) as target:
        sample = take(port, target, Case("plain", beside=Case("others", 2)), 0.2)

    assert 0 < sample.answers < answered(port) - before


def test_a_sample_is_nothing_if_the_others_got_no_answer(port):
    with bare(port) as target:
        wrong = replace(target, headers={"authorization": "Bearer wrong"})
        with pytest.raises(LoadFailed, match="beside it got no answer"):
            take(port, wrong, Case("plain", beside=Case("others")), 0.2)


class Overloaded(BaseHTTPRequestHandler):
    """Passes on what is short, and the first of what is long."""

    protocol_version = "HTTP/1.1"
    upstream = ""
    long = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        Overloaded.long += len(body) > 1000
        good = len(body) <= 1000 or Overloaded.long == 1
        said = httpx.post(self.upstream, content=body).content if good else b""
        self.send_response(200 if good else 503)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_errors_of_the_others_are_told(port):
    Overloaded.upstream = f"http://127.0.0.1:{port}/api/v1/chat/completions"
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Overloaded) as server,
        direct(server.server_port) as target,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        beside = Case("others", words=MANY_WORDS)
        sample = take(port, target, Case("plain", beside=beside), 0.2)
        server.shutdown()

    assert set(sample.errors) == {"beside it: status 503"}


def test_a_peer_that_is_not_installed_is_absent(tmp_path, monkeypatch):
    monkeypatch.setenv("AVENGERS_PEERS", str(tmp_path))
    (tmp_path / "portkey.failed").write_text("error: node is not installed\n")

    with pytest.raises(NotStarted, match="--peers installs it"), peers.litellm(1):
        pass
    with pytest.raises(NotStarted, match="node is not installed"), peers.portkey(1):
        pass
