"""The upstream and the bare proxy as they are measured; our gateway: integration."""

from dataclasses import replace

import httpx
import pytest

from scripts.overhead import peers
from scripts.overhead.load_process import LoadFailed
from scripts.overhead.running import NotStarted
from scripts.overhead.sampling import Case, take
from scripts.overhead.targets import bare, direct, origin


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


def test_a_peer_that_is_not_installed_is_absent(tmp_path, monkeypatch):
    monkeypatch.setenv("AVENGERS_PEERS", str(tmp_path))
    (tmp_path / "portkey.failed").write_text("error: node is not installed\n")

    with pytest.raises(NotStarted, match="--peers installs it"), peers.litellm(1):
        pass
    with pytest.raises(NotStarted, match="node is not installed"), peers.portkey(1):
        pass
