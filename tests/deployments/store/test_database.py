"""Opening a database; what happens when it is not there, locked or full."""

import asyncio
import sqlite3
import stat

import pytest
from sqlalchemy import text

from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.errors import Denied, StoreError, StoreUnavailable
from deployments.store.location import parse_url
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import JULY, JUNE, record
from tests.postgresql import postgresql_server


async def refusal(database: Database, patience_s: float = 0) -> str:
    """What opening it says."""
    try:
        with pytest.raises(StoreError) as raised:
            await database.open(patience_s=patience_s)
        return str(raised.value)
    finally:
        await database.close()


async def count(database: Database, table: str) -> int:
    async with database.reading() as connection:
        rows = await connection.execute(text(f"SELECT count(*) FROM {table}"))
        return rows.scalar_one()


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("store.db", "is no URL"),
        ("mysql://h/d", "'mysql' is no database that is served here"),
        ("postgresql://h/d?channel_binding=require", "no option 'channel_binding'"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("sqlite://var/store.db", "three slashes before the path"),
        ("sqlite:///store.db?mode=ro", "no options"),
        ("postgresql://h/d?port=x", "a host or a port of it is none"),
    ],
)
def test_addresses_that_cannot_be(url, what):
    with pytest.raises(StoreError, match=what):
        Database(url)


def test_a_line_end_of_a_secret_is_no_part_of_an_address_or_a_password():
    url = parse_url("postgresql://me@h/d\n", "geheim\n")

    assert (url.database, url.password) == ("d", "geheim")


def test_a_file_needs_no_password():
    assert parse_url("sqlite:////a/store.db", "geheim").password is None


async def test_a_file_is_for_its_owner_only(tmp_path):
    path = tmp_path / "new" / "store.db"
    database = Database(f"sqlite:///{path}")
    await database.open()
    await Accounts(database).version()

    modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    await database.close()
    assert modes == {0o600}


async def test_the_settings_of_a_file(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'store.db'}", busy_timeout_s=3)
    found = {}
    async with database.reading() as connection:
        for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous"):
            found[name] = (await connection.execute(text(f"PRAGMA {name}"))).scalar()
    await database.close()

    full = 2
    assert found == {
        "journal_mode": "wal",
        "busy_timeout": 3000,
        "foreign_keys": 1,
        "synchronous": full,
    }


async def test_a_place_where_no_file_can_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    database = Database(f"sqlite:///{tmp_path / 'file' / 'store.db'}")

    assert "/file/store.db: File exists" in await refusal(database, patience_s=60)


async def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "store.db").write_text("something else" * 100)

    said = await refusal(Database(f"sqlite:///{tmp_path / 'store.db'}"))
    assert said.endswith("store.db: file is not a database")


async def test_a_server_that_is_not_there_is_asked_a_few_times():
    url = "postgresql://me:geheim@127.0.0.1:1/db"

    said = await refusal(Database(url), patience_s=0.4)
    assert "postgresql://me:***@127.0.0.1:1/db: " in said
    assert "(tried 3 times)" in said
    assert "geheim" not in said
    assert "\n" not in said


async def test_a_wrong_password_is_not_repeated(postgresql):
    said = await refusal(Database(postgresql.url(password="geheim")))

    assert 'password authentication failed for user "postgres"' in said
    assert "geheim" not in said


@pytest.mark.parametrize("wrong", ["password", "name"])
async def test_who_is_not_let_in_is_told_from_who_finds_nobody(postgresql, wrong):
    url = postgresql.url(password="geheim") if wrong == "password" else None
    database = Database(url or postgresql.url("nowhere"))

    with pytest.raises(Denied):
        await database.open(patience_s=0)
    await database.close()


async def test_a_password_may_be_handed_over_apart(postgresql):
    password = postgresql.url().partition("postgres:")[2].partition("@")[0]
    name = postgresql.new_database().rpartition("/")[2]
    url = f"postgres://postgres@127.0.0.1:{postgresql.port}/{name}"
    database = Database(url, password=password)
    await database.open()

    assert await Accounts(database).version() == 1
    await database.close()


async def test_tls_is_asked_for_in_postgresql_s_own_words(postgresql):
    plain = postgresql.new_database()
    database = Database(f"{plain}?sslmode=prefer")
    await database.open()
    assert await Accounts(database).version() == 1
    await database.close()

    said = await refusal(Database(f"{plain}?sslmode=require"))
    assert "SSL" in said


async def test_several_may_open_a_new_database_at_a_time(url):
    databases = [Database(url, busy_timeout_s=60) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in databases))

    versions = [await Accounts(database).version() for database in databases]
    for database in databases:
        await database.close()
    assert versions == [1, 1, 1, 1]


async def test_what_fails_leaves_nothing_behind(database):
    async def change() -> None:
        async with database.writing() as connection:
            await connection.execute(text("INSERT INTO cost_tiers VALUES ('x', '{}')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change()

    assert await count(database, "cost_tiers") == 0


async def test_a_locked_file_is_unavailable_and_then_works_again(tmp_path):
    path = tmp_path / "store.db"
    database = Database(f"sqlite:///{path}", busy_timeout_s=0.05)
    await database.open()
    store = UsageStore(database)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="database is locked"):
        await store.ingest([record()])
    assert (await store.spend_of("t", JUNE, JULY)).cost_usd == 0

    other.execute("ROLLBACK")
    other.close()
    assert await store.ingest([record()]) == 1
    await database.close()


async def test_a_full_disk_is_unavailable_and_loses_nothing(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    await database.open()
    store = UsageStore(database)
    await store.ingest([record("use-0")])
    async with database.writing() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))

    with pytest.raises(StoreUnavailable, match="database or disk is full"):
        await store.ingest([record(f"use-{n}") for n in range(1000)])

    assert (await store.spend_of("t", JUNE, JULY)).cost_usd == 0.25
    assert await count(database, "usage_records") == 1
    await database.close()


async def test_a_server_may_go_and_come_back():
    with postgresql_server() as server:
        database = Database(server.new_database())
        await database.open()
        store = UsageStore(database)
        await store.ingest([record("use-1")])
        server.stop()

        with pytest.raises(StoreUnavailable):
            await store.ingest([record("use-2")])
        with pytest.raises(StoreUnavailable):
            await Accounts(database).snapshot()

        server.start()
        assert await store.ingest([record("use-1"), record("use-2")]) == 1
        assert (await store.spend_of("t", JUNE, JULY)).cost_usd == 0.5
        await database.close()


async def test_what_the_server_forbids_is_said_in_one_line(postgresql):
    name = postgresql.new_database().rpartition("/")[2]
    postgresql.run_sql("CREATE ROLE guest LOGIN PASSWORD 'geheim'")
    postgresql.run_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)
    url = f"postgresql://guest:geheim@127.0.0.1:{postgresql.port}/{name}"

    said = await refusal(Database(url))
    assert said.endswith(f"/{name}: permission denied for schema public")
    assert "geheim" not in said
