import pytest


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    """Of the tenant in `tests.fakes`."""
    monkeypatch.setenv("TEST_KEY", "sk-av-t")
