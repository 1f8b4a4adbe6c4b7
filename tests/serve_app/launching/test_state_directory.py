import errno
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from serve_app.launching.local_cluster import LaunchError
from serve_app.launching.state_directory import state_directory


def test_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    with state_directory(tmp_path / "a" / "var") as path:
        assert path.stat().st_mode & 0o077 == 0


def test_two_runs_do_not_share_it(tmp_path: Path) -> None:
    for _ in range(2):  # and the next one may have it
        with (
            state_directory(tmp_path),
            pytest.raises(
                LaunchError, match="another `avengers serve` keeps its state"
            ),
            state_directory(tmp_path),
        ):
            pass


def test_where_nothing_can_be_written_it_says_so(small_disk: Path) -> None:
    """A checkout that is read-only, for whoever is root, too."""
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with (
        pytest.raises(
            LaunchError, match="Read-only file system; AVENGERS_VAR may name"
        ),
        state_directory(small_disk / "var"),
    ):
        pass


def test_where_nothing_can_be_locked_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some shares of a network."""

    def flock(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(
            LaunchError, match="it cannot be locked: No locks available; AVENGERS_VAR"
        ),
        state_directory(tmp_path),
    ):
        pass
