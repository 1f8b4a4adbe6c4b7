from pathlib import Path

import pytest

from deployments.local_path import local_path


def test_home_and_variables_are_filled_in(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("AVENGERS_VAR", "/var/lib/avengers")

    assert local_path("~/usage") == Path("/home/me/usage")
    assert local_path("$AVENGERS_VAR/usage") == Path("/var/lib/avengers/usage")
    assert local_path("relative/usage") == Path("relative/usage")


@pytest.mark.parametrize("text", ["$AVENGERS_NONE/x", "${AVENGERS_NONE}/x"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_variable_that_is_not_set_to_something_is_named(monkeypatch, text, value):
    """Of an empty one the path would begin at the root."""
    monkeypatch.delenv("AVENGERS_NONE", raising=False)
    if value is not None:
        monkeypatch.setenv("AVENGERS_NONE", value)
    with pytest.raises(ValueError, match="AVENGERS_NONE is not set"):
        local_path(text)


def test_what_a_variable_says_is_taken_as_it_stands(monkeypatch):
    monkeypatch.setenv("AVENGERS_VAR", "/srv/US$5")

    assert local_path("$AVENGERS_VAR/usage") == Path("/srv/US$5/usage")
