from collections.abc import AsyncIterator

import pytest

from deployments.store.database import Database
from tests.deployments.limits.book_world import World


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    await database.open()
    yield World(database)
    await database.close()
