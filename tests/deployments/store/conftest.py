"""Both databases, empty for each test."""

from collections.abc import AsyncIterator

import pytest

from deployments.store.database import Database
from tests.postgresql import PostgresServer


@pytest.fixture(scope="session")
def postgresql_url(postgresql: PostgresServer) -> str:
    """The address of one database, which each test empties."""
    return postgresql.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Which one; tests of the store run with each."""
    name: str = request.param
    return name


@pytest.fixture
def url(dialect, tmp_path, request) -> str:
    """The address of a database without tables."""
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    address: str = request.getfixturevalue("postgresql_url")
    # Far quicker than a database of its own for each test: that is a thousand files.
    request.getfixturevalue("postgresql").run_sql(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public", address.rpartition("/")[2]
    )
    return address


@pytest.fixture
async def database(url) -> AsyncIterator[Database]:
    """An open one, with our tables and nothing in them."""
    database = Database(url)
    await database.open()
    yield database
    await database.close()
