"""The benchmark's commands measure our gateway, for seconds; no figure is judged."""

import json
import subprocess

import pytest

from scripts.overhead.report import Report
from scripts.served import ROOT

pytestmark = pytest.mark.integration


def run(*command):
    return subprocess.run(
        [ROOT / "scripts/bench" / command[0], *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def test_a_gateway_is_measured_with_all_of_its_processes(tmp_path):
    path = tmp_path / "report.json"
    done = run("overhead", "--quick", "--only", "gateway", "--json", str(path))

    assert done.returncode == 0, done.stderr
    assert "CPU-ms per plain request, c = 16" in done.stdout
    figures = Report.read(path).scenarios["base"]["gateway"]
    assert figures.absent is None
    assert all(sample.answers for found in figures.samples.values() for sample in found)
    parts = figures.samples["plain c=16 0 ms"][0].cpu_ms
    assert {"Gateway", "HAProxy", "Ray's own"} <= set(parts)
    assert sum(figures.idle_mib[0].values()) > 100


def test_many_models_are_measured_beside_few(tmp_path):
    path = tmp_path / "report.json"
    command = ["overhead", "--quick", "--scenario", "models", "--json", str(path)]
    done = run(*command)

    assert done.returncode == 0, done.stderr
    assert "200 over 8 models" in done.stdout


def test_two_checkouts_are_asked_in_turn(tmp_path):
    path = tmp_path / "beside.json"
    short = ("--rounds", "1", "--seconds", "0.3")
    done = run("beside", str(ROOT), *short, "--json", str(path))

    assert done.returncode == 0, done.stderr
    for case in ("plain c=1", "plain c=16", "plain c=64", "stream c=16"):
        assert case in done.stdout
        samples = json.loads(path.read_text())[case]
        assert all(samples[name][0]["answers"] for name in ("this", "other"))


def test_a_soak_tells_errors_and_growth(tmp_path):
    path = tmp_path / "soak.json"
    done = run("soak", "--quick", "--json", str(path))

    assert done.returncode == 0, done.stderr
    assert "an hour (≤ 2%)" in done.stdout
    found = json.loads(path.read_text())
    assert sum(sample["answers"] for sample in found["samples"]) > 0
    assert {"Gateway", "Ray: raylet", "Ray: driver"} <= set(found["memory_mib"][-1])
