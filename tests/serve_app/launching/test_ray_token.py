"""Ray's token on a machine that several users share."""

import pwd
import stat

import pytest

from serve_app.launching.ray_token import private_token


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".ray" / "auth_token"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_token_is_for_its_owner_only_and_stays_the_same(path):
    assert private_token(path.parents[2]) == path
    made = path.read_text()
    assert private_token(path.parents[2]) == path

    assert (mode(path), len(made)) == (0o600, 64)
    assert path.read_text() == made
    assert list(path.parent.iterdir()) == [path]


def test_one_that_ray_wrote_for_all_to_read_is_kept_and_closed(path):
    path.parent.mkdir()
    path.write_text("of Ray's making")
    path.chmod(0o644)
    private_token(path.parents[2])

    assert (mode(path), path.read_text()) == (0o600, "of Ray's making")


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_where_the_environment_gives_one_none_is_made(name, path, monkeypatch):
    monkeypatch.setenv(name, "given")

    assert private_token(path.parents[2]) is None
    assert not path.parent.exists()


@pytest.mark.parametrize("home", ["a file", "none"])
def test_where_the_home_takes_none_the_cluster_has_its_own(
    path, home, tmp_path_factory, monkeypatch
):
    own = tmp_path_factory.mktemp("own")
    if home == "a file":
        path.parent.write_text("a file, no directory")
    else:  # a user that the system has no name for
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)

    made = private_token(own)

    assert made == own / "auth_token"
    assert (mode(made), len(made.read_text())) == (0o600, 64)
