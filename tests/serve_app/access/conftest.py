import pytest

from serve_app.access.holdings import Holdings
from tests.deployments.store.made import tenant
from tests.serve_app.access.held import TERMS
from tests.serve_app.fake_ledger import Clock, FakeLedger


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    """Of the tenant in `limited_tenant`."""
    monkeypatch.setenv("TEST_KEY", "k")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock) -> FakeLedger:
    return FakeLedger(clock, tenant(**TERMS))


@pytest.fixture
def holdings(ledger, clock) -> Holdings:
    return Holdings("a", ledger, clock)
