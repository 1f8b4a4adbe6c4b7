"""Tables of an older release, which may be at work on them: who brings them up."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from deployments.store.database import Database
from tests.serve_app.commands.accounts_cli import AccountsCli


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    made = AccountsCli(tmp_path, monkeypatch, capsys)

    async def fill() -> None:
        database = Database(made.url)
        await database.migrate("0005")
        await database.close()

    asyncio.run(fill())
    return made


def revision(cli: AccountsCli) -> str:
    with closing(sqlite3.connect(cli.directory / "store.db")) as file:
        [found] = file.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found)


@pytest.mark.parametrize(
    "command",
    [
        ("usage",),
        ("usage", "export", "--format", "csv", "-o", "usage.csv"),
        ("usage", "delete", "--before", "2026-06-01"),
        ("drift",),
        ("tenants", "list"),
        ("tenants", "show", "t"),
        ("tenants", "apply", "--dry-run", "FILE"),
        ("keys", "list", "t"),
    ],
)
def test_a_command_that_only_looks_leaves_older_tables_alone(cli, command, monkeypatch):
    monkeypatch.chdir(cli.directory)
    file = cli.file("tenants: []")
    ran = cli.run(*(file if word == "FILE" else word for word in command))

    assert ran.code == 2
    assert "tables are of revision 0005, older than this release's" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert revision(cli) == "0005"


def test_a_command_that_changes_something_brings_them_up_to_date(cli):
    ran = cli.run("tenants", "create", "t", "alpha=0.5")

    assert ran.code == 0, ran.err
    assert revision(cli) > "0005"
