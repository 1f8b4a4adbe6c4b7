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
def test_a_variable_that_is_not_set_is_named(monkeypatch, text):
    monkeypatch.delenv("AVENGERS_NONE", raising=False)
    with pytest.raises(ValueError, match="AVENGERS_NONE is not set"):
        local_path(text)
