"""The real Locust, headless, against the real gateway; some seconds each."""

import csv
import os
import subprocess
from pathlib import Path

import pytest

from scripts.loadtest.picture import draw, read_history
from tests.integration.conftest import KEY, Served

RUN = Path(__file__).parents[2] / "scripts/loadtest/run"

pytestmark = pytest.mark.integration


def load(
    served: Served, report: Path, *arguments: str, key: str = KEY
) -> subprocess.CompletedProcess[str]:
    # Whoever else runs here may be slow: no run is judged by time that does not say so.
    patient = ["--max-p95-first-token-ms", "-1", "--max-p95-pause-ms", "-1"]
    command = [RUN, "--host", served.url, "--profile", "smoke", "--seconds", "5"]
    command += [*patient, "--think-s", "0.2", "--report", str(report), *arguments]
    environment = os.environ | {"AVENGERS_KEY": key}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )


def test_a_short_run_keeps_its_thresholds_and_leaves_a_report(served, tmp_path):
    done = load(served, tmp_path)

    assert done.returncode == 0, done.stderr
    with (tmp_path / "run_stats.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert int(rows["stream"]["Request Count"]) > 0
    assert rows["first token"]["Request Count"] == rows["stream"]["Request Count"]
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")
    draw(read_history(tmp_path), tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000


def test_two_workers_report_to_one_master(served, tmp_path):
    done = load(served, tmp_path, "--processes", "2")

    assert done.returncode == 0, done.stderr
    assert "all thresholds kept" in done.stderr


def test_a_threshold_that_is_not_kept_fails_the_run(served, tmp_path):
    done = load(served, tmp_path, "--max-p95-first-token-ms", "0")

    assert done.returncode == 1
    assert "threshold not kept: p95 of the first token" in done.stderr


def test_errors_fail_the_run(served, tmp_path):
    done = load(served, tmp_path, key="sk-av-nobodys")

    assert done.returncode == 1
    assert "threshold not kept: error rate is 1, allowed ≤ 0.01" in done.stderr


def test_a_missing_key_is_told_before_the_run(served, tmp_path):
    done = load(served, tmp_path, key="")

    assert done.returncode == 2
    assert done.stderr.strip() == "default: AVENGERS_KEY is not set"
