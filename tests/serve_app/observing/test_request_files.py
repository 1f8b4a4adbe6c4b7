"""Where request logs are written, and how much of those of dead replicas is kept."""

import logging
import os
import time
from pathlib import Path

import pytest

from serve_app.observing.request_files import RequestFile, drop_old, of_all_runs

LINE = logging.makeLogRecord({"msg": "x" * 99})
LONG_AGO_S = 3600.0


def left(path: Path, *, hours_ago: float, size: int = 100) -> Path:
    """A file that a dead replica has left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    aged(path, hours_ago)
    return path


def aged(path: Path, hours_ago: float) -> None:
    at = time.time() - LONG_AGO_S * hours_ago
    os.utime(path, (at, at))


def test_each_replica_has_a_file_of_its_own(tmp_path):
    RequestFile(tmp_path / "serve", "abc", kept_bytes=0).close()

    assert (tmp_path / "serve/requests_abc.log").exists()


def test_a_file_with_prompts_is_for_its_owner_only(tmp_path):
    handler = RequestFile(tmp_path, "abc", prompts=True, kept_bytes=0)
    handler.handle(LINE)
    handler.doRollover()
    handler.handle(LINE)
    handler.close()

    files = list(tmp_path.iterdir())
    assert len(files) == 2  # the one begun anew, too
    assert {file.stat().st_mode & 0o077 for file in files} == {0}


def test_of_dead_replicas_the_newest_files_are_kept_up_to_a_size(tmp_path):
    oldest = left(tmp_path / "requests_a.log.1", hours_ago=4)
    old = left(tmp_path / "requests_a.log", hours_ago=3)
    newer = left(tmp_path / "requests_b.log", hours_ago=2)
    of_serve = left(tmp_path / "replica_avengers_Gateway_a.log", hours_ago=9)

    RequestFile(tmp_path, "new", kept_bytes=200).close()

    assert not oldest.exists()
    assert old.exists()
    assert newer.exists()
    assert of_serve.exists()


def test_those_of_earlier_runs_count_with_them(tmp_path):
    earlier = left(tmp_path / "session_1/requests_a.log", hours_ago=2)
    here = left(tmp_path / "session_2/requests_b.log", hours_ago=1)

    drop_old([tmp_path / "session_1", tmp_path / "session_2"], 100)

    assert not earlier.exists()
    assert here.exists()


def test_each_run_of_this_machine_counts_once(tmp_path):
    for run in ("session_1", "session_2"):
        (tmp_path / run / "logs/serve").mkdir(parents=True)
    (tmp_path / "session_3/logs").mkdir(parents=True)  # Serve did not start there
    (tmp_path / "session_latest").symlink_to(tmp_path / "session_2")

    found = of_all_runs(tmp_path / "session_2/logs/serve")

    assert sorted(found) == [
        tmp_path / "session_1/logs/serve",
        tmp_path / "session_2/logs/serve",
    ]


def test_a_replica_that_lives_keeps_its_files_however_long_it_was_silent(tmp_path):
    living = RequestFile(tmp_path, "a", kept_bytes=0)
    for _ in range(2):
        living.handle(LINE)
        living.doRollover()
    for path in tmp_path.iterdir():
        aged(path, 9)

    drop_old([tmp_path], 0)

    assert len(list(tmp_path.iterdir())) == 3
    living.close()
    drop_old([tmp_path], 0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_begun_anew_drops_old_ones_again(tmp_path):
    living = RequestFile(tmp_path, "a", kept_bytes=0)
    dead = left(tmp_path / "requests_b.log", hours_ago=1)

    living.handle(LINE)
    living.doRollover()
    living.close()

    assert not dead.exists()


@pytest.mark.parametrize("kept", [0, 100])
def test_one_that_was_just_written_is_left_alone(tmp_path, kept):
    path = left(tmp_path / "requests_b.log.1", hours_ago=0)

    drop_old([tmp_path], kept)

    assert path.exists()
