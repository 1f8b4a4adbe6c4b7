"""Both databases, each test with a fresh one."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from deployments.store.database import Database
from tests.postgresql import PostgresServer


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgresServer) -> str:
    """The name of a database with our tables, to be copied."""
    postgresql.run_sql("CREATE DATABASE ours")

    async def make() -> None:
        database = Database(postgresql.url("ours"))
        await database.open()
        await database.close()

    asyncio.run(make())
    return "ours"


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Which one; tests of the store run with each."""
    name: str = request.param
    return name


@pytest.fixture
def empty_url(dialect, tmp_path, request) -> Iterator[str]:
    """The address of a database without tables."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
    else:
        yield request.getfixturevalue("postgresql").new_database()


@pytest.fixture
def url(dialect, empty_url, request) -> str:
    """The address of a database that may have our tables already."""
    if dialect == "sqlite":
        return empty_url
    template = request.getfixturevalue("postgresql_template")
    return request.getfixturevalue("postgresql").new_database(template)


@pytest.fixture
async def database(url) -> AsyncIterator[Database]:
    """An open one, with our tables and nothing in them."""
    database = Database(url)
    await database.open()
    yield database
    await database.close()
