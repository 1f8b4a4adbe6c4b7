from collections.abc import AsyncIterator, Callable

import pytest

from deployments.limits.ledger import Ledger
from deployments.store.database import Database
from tests.deployments.limits.book_world import World
from tests.deployments.store.made import tenant


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    await database.open()
    yield World(database)
    await database.close()


@pytest.fixture
async def ledger_of(tmp_path) -> AsyncIterator[Callable[..., Ledger]]:
    """Ledgers on the same database, one after the other."""
    databases: list[Database] = []

    def make(*configured) -> Ledger:
        databases.append(Database(f"sqlite:///{tmp_path / 'db'}"))
        return Ledger(databases[-1], configured)

    yield make
    for database in databases:
        await database.close()


@pytest.fixture
async def ledger(ledger_of) -> Ledger:
    made: Ledger = ledger_of(tenant(max_budget=8.0))
    await made.open()
    return made
