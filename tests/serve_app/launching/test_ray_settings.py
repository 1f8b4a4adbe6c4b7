import os
from pathlib import Path

import pytest

from serve_app.config import GatewayLimits
from serve_app.launching.ports import PortBlock, is_free
from serve_app.launching.ray_settings import Setting, applied, settings


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
    assert stop_s > GatewayLimits().request_timeout_s


def test_a_block_is_claimed_until_it_is_left() -> None:
    with PortBlock.take() as block:
        with pytest.raises(OSError, match="no block of 100 free ports"):
            PortBlock.take([block.first])
        assert is_free(block.first + 1)

    PortBlock.take([block.first]).claim.close()


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
