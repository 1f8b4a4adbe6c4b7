import pytest


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    """Of the tenant in `limited_tenant`."""
    monkeypatch.setenv("TEST_KEY", "k")
