"""The real HAProxy behind the wrapper: what keeps it from starting, and is told."""

import re

import pytest

from serve_app.launching.local_cluster import last_line
from tests.serve_app.launching.proxy import CHAT, corrected, haproxy, running, text


@pytest.mark.parametrize("files", [1024, 4096, 10_000])
def test_there_are_fewer_connections_where_fewer_files_may_be_open(tmp_path, files):
    for proxied in running(tmp_path, maxconn=4096, files=files):
        proxied.a.answer = proxied.b.answer = text(200, "application/json")
        config = (tmp_path / "haproxy.cfg").read_text()

        assert proxied.client.post(CHAT, json={}).status_code == 200
        (most,) = re.findall(r"^ *maxconn (\d+)$", config, re.M)
        assert 0.25 * files < int(most) <= 4096


@pytest.mark.parametrize(("ray", "ours"), [("3600s", "120s"), ("7200s", "7200s")])
def test_rays_own_patience_with_clients_is_shortened(tmp_path, ray, ours):
    config = tmp_path / "haproxy.cfg"
    config.write_text(f"defaults\n    timeout client {ray}\n")
    corrected(config)

    assert f"timeout client {ours}\n" in config.read_text()


def test_a_number_that_is_none_is_named(tmp_path):
    config = tmp_path / "haproxy.cfg"
    config.touch()
    done = corrected(config, AVENGERS_CONNECTIONS_PER_SOURCE="many")

    assert done.returncode == 2
    assert done.stderr == ("AVENGERS_CONNECTIONS_PER_SOURCE: many is no whole number\n")


@pytest.mark.parametrize(("files", "starts"), [(256, False), (300, True)])
def test_too_few_files_for_any_connection_are_told_in_a_line(tmp_path, files, starts):
    config = tmp_path / "haproxy.cfg"
    config.touch()
    done = corrected(config, files=files)

    said = "256 files may be open (ulimit -n); HAProxy needs 300\n"
    assert (done.returncode, done.stderr) == ((0, "") if starts else (2, said))


def test_why_haproxy_does_not_start_is_told_and_not_its_version(tmp_path):
    config = tmp_path / "haproxy.cfg"
    config.write_text("listen x\n    bind 127.0.0.1:9\n    balance foo\n")
    done = corrected(config, AVENGERS_HAPROXY=haproxy.get_haproxy_binary())
    report = f"RuntimeError: HAProxy crashed during startup: {done.stderr}"

    assert last_line(report).startswith(f"HAProxy: config : parsing [{config}:3]")
    assert "'leastconn'" in last_line(report)
