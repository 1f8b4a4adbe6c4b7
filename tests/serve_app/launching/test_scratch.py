"""Where a cluster's sockets lie, on machines that have a place of their own."""

import stat
import tempfile
from pathlib import Path

import pytest

from serve_app.launching.local_cluster import LaunchError
from serve_app.launching.scratch import scratch_directory


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python remembers the place."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)


def test_it_is_ours_alone_and_gone_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    with scratch_directory() as directory:
        (directory / "admin.sock").touch()
        assert directory.parent == Path("/tmp")
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not directory.exists()


def test_a_place_that_is_not_there_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere/at/all")
    with scratch_directory() as directory:
        assert directory.parent == Path(tempfile.gettempdir())


def test_a_path_too_long_for_rays_sockets_is_told_before_ray_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ("long" * 20)
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    said = r"too long a path for Ray's sockets, by \d+ bytes; RAY_TMPDIR may name"
    with pytest.raises(LaunchError, match=said), scratch_directory():
        pass


def test_a_place_where_none_can_be_made_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/none")
    said = "/proc/none: no directory for sockets can be made: No such file or directory"
    with pytest.raises(LaunchError, match=said), scratch_directory():
        pass
