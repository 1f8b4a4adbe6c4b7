"""Ray's token on a machine that several users share."""

import stat

import pytest

from serve_app.launching.local_cluster import LaunchError
from serve_app.launching.ray_token import keep_token_private


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".ray" / "auth_token"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_token_is_for_its_owner_only_and_stays_the_same(path):
    keep_token_private()
    made = path.read_text()
    keep_token_private()

    assert (mode(path), len(made)) == (0o600, 64)
    assert path.read_text() == made
    assert list(path.parent.iterdir()) == [path]


def test_one_that_ray_wrote_for_all_to_read_is_kept_and_closed(path):
    path.parent.mkdir()
    path.write_text("of Ray's making")
    path.chmod(0o644)
    keep_token_private()

    assert (mode(path), path.read_text()) == (0o600, "of Ray's making")


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_where_the_environment_gives_one_none_is_made(name, path, monkeypatch):
    monkeypatch.setenv(name, "given")
    keep_token_private()

    assert not path.parent.exists()


def test_a_home_that_takes_no_token_is_named(path):
    path.parent.write_text("a file, no directory")
    with pytest.raises(LaunchError, match="token cannot be kept there: File exists"):
        keep_token_private()
