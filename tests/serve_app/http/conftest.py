from collections.abc import AsyncIterator

import httpx
import pytest

from deployments.limits.ledger import Ledger
from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.tenancy import CostTier, TenantConfig
from tests.fakes import gateway
from tests.serve_app.http.administrator import administrator
from tests.serve_app.http.artifact_graph import Graph, artifact_graph


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    """Of the tenant in `tests.fakes`."""
    monkeypatch.setenv("TEST_KEY", "sk-av-t")


@pytest.fixture
async def graph(tmp_path, monkeypatch) -> AsyncIterator[Graph]:
    """See `artifact_graph`."""
    monkeypatch.setenv("TEST_KEY", "k")
    async with artifact_graph(tmp_path) as made:
        yield made


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    yield database
    await database.close()


@pytest.fixture
async def accounts(database) -> Accounts:
    """With one tenant, `acme`, and the cost tier `gold`."""
    await database.open()
    accounts = Accounts(database)
    acme = TenantConfig(id="acme", alpha=0.5, max_budget=2.0)
    await accounts.apply([acme], {"gold": CostTier(alpha=1)})
    return accounts


@pytest.fixture
async def client(database, accounts) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator of these accounts, on the real Ledger."""
    ledger = Ledger(database)
    await ledger.open()
    made = gateway()
    async with administrator(ledger, made) as client:
        yield client
