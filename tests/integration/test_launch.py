"""A real cluster in a process of its own, as `avengers serve` runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from serve_app.launching.ports import is_free

ROOT = Path(__file__).parents[2]
PROGRAM = """
import signal
import sys
from pathlib import Path
from serve_app.launching.local_cluster import LaunchError
from serve_app.launching.serve_config import read_serve_yaml
from serve_app.launching.until_signal import serve_until_signal

def on_ready(cluster):
    print(cluster.url, flush=True)

# As in a terminal, though the tests may run under nohup, whose children ignore it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
try:
    document = read_serve_yaml(Path(sys.argv[1]))
    serve_until_signal(document, port=int(sys.argv[2]), on_ready=on_ready)
except LaunchError as error:
    sys.exit(f"error: {error}")
"""
CONFIG = {
    "name": "hello",
    "route_prefix": "/",
    "import_path": "tests.integration.hello_app:build_app",
}


def start(
    directory: Path, *, word: str, port: int, host: str = "127.0.0.1"
) -> subprocess.Popen[str]:
    config = directory / "serve.yaml"
    applications = [CONFIG | {"args": {"word": word}}]
    stated = {"applications": applications, "http_options": {"host": host}}
    config.write_text(json.dumps(stated))
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(config), str(port)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def listening_on(process: psutil.Process) -> set[str]:
    """Addresses with a listening TCP socket; none of a process that has just ended."""
    try:
        sockets = process.net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return set()
    return {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN}


def some_port() -> int:
    return next(port for port in range(19000, 20000) if is_free(port))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[psutil.Process, str]]:
    with start(tmp_path, word="hi", port=some_port()) as launched:
        assert launched.stdout is not None
        url = launched.stdout.readline().strip()
        yield psutil.Process(launched.pid), url
        launched.send_signal(signal.SIGTERM)


@pytest.mark.integration
def test_it_answers_on_loopback_only_and_leaves_nothing(
    cluster: tuple[psutil.Process, str],
) -> None:
    launcher, url = cluster
    assert httpx.get(url).json() == {"word": "hi", "number": 42}

    family = [launcher, *launcher.children(recursive=True)]
    listening = {ip for process in family for ip in listening_on(process)}
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert len(listening) == 2  # the pages of HAProxy and Ray, and Ray's gRPC

    launcher.send_signal(signal.SIGTERM)
    gone, alive = psutil.wait_procs(family, timeout=30)

    assert alive == []
    assert len(gone) == len(family)


@pytest.mark.integration
def test_another_address_is_haproxys_alone(tmp_path: Path) -> None:
    with start(tmp_path, word="hi", port=some_port(), host="127.0.0.2") as launched:
        assert launched.stdout is not None
        url = launched.stdout.readline().strip()
        answer = httpx.get(url)
        there = {
            each.laddr.port
            for each in psutil.net_connections(kind="tcp")
            if each.status == psutil.CONN_LISTEN and each.laddr.ip == "127.0.0.2"
        }
        launched.send_signal(signal.SIGTERM)

    assert answer.json() == {"word": "hi", "number": 42}
    assert there == {httpx.URL(url).port}


@pytest.mark.integration
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])  # closed terminal
def test_an_answer_under_way_ends_before_the_cluster_does(
    cluster: tuple[psutil.Process, str], told: signal.Signals
) -> None:
    launcher, url = cluster

    with httpx.stream("GET", url, params={"seconds": 4}, timeout=30) as response:
        words = response.iter_text()
        assert next(words) == "hi"
        launcher.send_signal(told)
        assert next(words) == "the end"

    assert launcher.wait(30) == 0


@pytest.mark.integration
def test_a_second_signal_cuts_what_is_under_way(
    cluster: tuple[psutil.Process, str],
) -> None:
    launcher, url = cluster

    with httpx.stream("GET", url, params={"seconds": 600}, timeout=60) as response:
        words = response.iter_text()
        assert next(words) == "hi"
        launcher.send_signal(signal.SIGTERM)
        with pytest.raises(psutil.TimeoutExpired):
            launcher.wait(3)
        launcher.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.RemoteProtocolError):
            next(words)

    assert launcher.wait(30) == 0


@pytest.mark.integration
def test_a_launcher_that_is_killed_leaves_nothing_either(
    cluster: tuple[psutil.Process, str],
) -> None:
    launcher, url = cluster
    family = launcher.children(recursive=True)
    assert "haproxy" in {process.name() for process in family}

    launcher.kill()
    _, alive = psutil.wait_procs(family, timeout=60)

    assert alive == []
    assert is_free(httpx.URL(url).port or 0)


@pytest.mark.integration
def test_an_application_that_cannot_start_is_reported_in_one_line(
    tmp_path: Path,
) -> None:
    with start(tmp_path, word="fail", port=some_port()) as launched:
        out, err = launched.communicate(timeout=120)

    assert launched.returncode == 1
    assert out == ""
    said, _, logs = err.splitlines()[-1].partition("; logs: ")
    assert said == "error: application hello: ValueError: no such word: fail"
    assert Path(logs).is_dir()
