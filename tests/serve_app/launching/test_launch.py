import socket
import subprocess
import warnings
from pathlib import Path

import pytest

from serve_app.launching import launch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    import ray

HAPROXY_LOOPBACK = Path(launch.__file__).with_name("haproxy-wrapper")


def test_a_taken_port_is_named_before_anything_is_started() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = {"http_options": {"port": port}, "applications": []}

        with (
            pytest.raises(launch.LaunchError, match=f"port {port} on 127.0.0.1 is"),
            launch.local_cluster(config),
        ):
            pass


def test_an_address_of_another_machine_is_named_before_anything_is_started() -> None:
    config = {"http_options": {"host": "192.0.2.1", "port": 8000}, "applications": []}

    with (
        pytest.raises(launch.LaunchError, match=r"192\.0\.2\.1:8000: "),
        launch.local_cluster(config),
    ):
        pass


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("", "an address to bind was expected; 0.0.0.0 are all"),
        ("é..b", "'é..b': encoding of hostname failed"),
        ("::1", "::1:8000: Address family for hostname not supported"),
    ],
)
def test_a_host_without_an_address_of_ipv4_is_told_in_a_line(
    host: str, said: str
) -> None:
    config = {"http_options": {"host": host}, "applications": []}

    with pytest.raises(launch.LaunchError) as refused, launch.local_cluster(config):
        pass
    assert str(refused.value) == said


def test_haproxy_listens_on_loopback_where_ray_says_everywhere(tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        "frontend prometheus\n    bind :9101\n"
        "frontend http_frontend\n    bind *:8000\n"
        "listen stats\n  bind *:8404\n  bind 127.0.0.1:7\n  bind :::8\n"
    )

    ran = subprocess.run(
        [HAPROXY_LOOPBACK, "-db", "-f", config, "-sf", "7"],
        env={"AVENGERS_HAPROXY": "/bin/echo", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == f"-db -f {config} -sf 7\n"
    bound = [line.strip() for line in config.read_text().splitlines() if "bind" in line]
    assert bound == [
        "bind 127.0.0.1:9101",
        "bind *:8000",
        "bind 127.0.0.1:8404",
        "bind 127.0.0.1:7",
        "bind :::8",
    ]


def test_rays_shell_finds_a_python_whose_path_has_spaces():
    plain = launch._worker_environment("/opt/venv/bin/python")
    spaced = launch._worker_environment("/home/me/my projects/.venv/bin/python")

    assert "py_executable" not in plain
    assert spaced["py_executable"] == "'/home/me/my projects/.venv/bin/python'"
    assert spaced.items() >= plain.items()


def test_of_a_start_that_fails_without_a_word_its_kind_is_told(monkeypatch):
    def init(**_):
        raise TimeoutError

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)

    with pytest.raises(launch.LaunchError, match="in 3 attempts: TimeoutError"):
        launch._start_ray("test-mark-of-nobody", dashboard=False)
