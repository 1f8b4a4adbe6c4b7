"""`avengers usage`: on a real database, in processes of their own."""

import asyncio
import csv
import json
import sys
from datetime import UTC, datetime

import pytest
import uvicorn

from artifacts.errors import BadInput
from deployments.store.database import Database
from deployments.store.usage_store import UsageStore
from deployments.usage.record import UsageRecord
from serve_app.cli import build_cli
from serve_app.commands.usage_file import write_usage
from serve_app.commands.usage_remote import fetch_usage
from serve_app.http.api import build_api
from tests.deployments.store.made import JUNE, MAY, record
from tests.fakes import gateway
from tests.serve_app.commands.test_commands import avengers

RECORDS = [
    record("use-1", MAY, failures=("a=timeout", "b=timeout"), clusters=(3, 1)),
    record("use-2", JUNE, model="large", cost_usd=1.0),
    record("use-3", JUNE, cost_usd=None, tenant="u", requested_model="=cmd()"),
]
SPAN = ("--start", "2026-05-01", "--end", "2026-07-01")


@pytest.fixture
def url(tmp_path):
    made = f"sqlite:///{tmp_path / 'usage.db'}"

    async def fill() -> None:
        database = Database(made)
        await database.open()
        await UsageStore(database).ingest(RECORDS)
        await database.close()

    asyncio.run(fill())
    return made


def test_a_report_by_model_and_tenant_as_json(url):
    run = avengers("usage", "--database", url, *SPAN, "--by", "tenant,model", "--json")

    found = json.loads(run.stdout)
    rows = [(row["tenant"], row["model"], row["cost_usd"]) for row in found["data"]]
    assert rows == [("t", "large", 1.0), ("t", "small", 0.25), ("u", "small", None)]
    assert (found["total"]["requests"], found["total"]["unknown_cost"]) == (3, 1)


def test_a_table_by_day(url):
    run = avengers("usage", "--database", url, *SPAN)

    assert run.returncode == 0, run.stderr
    assert "2026-05-01" in run.stdout
    assert "1.250000" in run.stdout


def test_an_export_as_csv(url, tmp_path):
    out = tmp_path / "usage.csv"
    run = avengers(
        "usage", "export", "--database", url, *SPAN, "--format", "csv", "-o", out
    )

    assert run.returncode == 0, run.stderr
    assert "3 records from 2026-05-01T00:00Z to 2026-07-01T00:00Z" in run.stderr
    first, second, third = csv.DictReader(out.read_text().splitlines())
    assert first["at"] == "2026-05-01T00:00:00.000000+00:00"
    assert (first["failures"], first["clusters"]) == ("a=timeout b=timeout", "3 1")
    assert (second["cost_usd"], third["cost_usd"]) == ("1.0", "")
    assert third["requested_model"] == "'=cmd()"
    assert out.stat().st_mode & 0o077 == 0


def test_an_export_as_parquet(url, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "usage.parquet"
    run = avengers(
        "usage", "export", "--database", url, *SPAN, "--tenant", "t",
        "--format", "parquet", "-o", out,
    )  # fmt: skip

    assert run.returncode == 0, run.stderr
    rows = parquet.read_table(out).to_pylist()
    assert [row["id"] for row in rows] == ["use-1", "use-2"]
    assert rows[0]["at"] == MAY
    assert rows[0]["clusters"] == [3, 1]
    assert rows[0].keys() == set(UsageRecord.__dataclass_fields__)


async def test_a_parquet_file_of_many_groups_and_one_of_nothing(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("serve_app.commands.usage_file._ROWS", 2)

    async def some(n):
        for number in range(n):
            yield record(f"use-{number}")

    for n in (0, 4, 5):
        assert await write_usage(tmp_path / "p", "parquet", some(n)) == n
        assert parquet.read_table(tmp_path / "p").num_rows == n


async def test_an_export_that_fails_leaves_what_was_there(tmp_path):
    out = tmp_path / "usage.csv"
    out.write_text("before")

    async def broken():
        yield record()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_usage(out, "csv", broken())
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


async def test_parquet_without_its_library_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    async def none():
        return
        yield

    with pytest.raises(BadInput, match="install the extra 'import'"):
        await write_usage(tmp_path / "p", "parquet", none())
    assert list(tmp_path.iterdir()) == []


def test_records_are_deleted_only_if_that_is_meant(url, capsys):
    command = ["usage", "delete", "--database", url, "--before", "2026-06-01"]
    with pytest.raises(BadInput, match="1 records are from before 2026-06-01"):
        build_cli()(command, standalone_mode=False)
    build_cli()([*command, "--yes"], standalone_mode=False)
    assert "1 records deleted" in capsys.readouterr().err
    show = ["usage", "--database", url, *SPAN, "--json"]
    build_cli()(show, standalone_mode=False)

    assert json.loads(capsys.readouterr().out)["total"]["requests"] == 2


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "--database is needed (or --url)"),
        (("--database", "mysql://x/y"), "is no database"),
        (("--database", "DB", "--by", "hour"), "--by: it must be some of day, model"),
        (("--database", "DB", "--start", "soon"), "--start: it must be a date"),
        (("--database", "DB", "--timezone", "Mars"), "--timezone: 'Mars'"),
        (("--database", "DB", "--start", "2999-01-01"), "--end must be later"),
        (("--database", "DB", "--end", "0001-01-05"), "--end: it must be a date"),
        (("--database", "DB", "--password-env", "NO_SUCH"), "NO_SUCH is not set"),
        (("--url", "http://127.0.0.1:9", "--key-env", "NO_SUCH"), "NO_SUCH is not set"),
        (("--url", "http://x", "--tenant", "t"), "--tenant: a Gateway shows"),
        (("delete", "--database", "DB", "--before", "2999-01-01"), "yet to come"),
        (("export", "--format", "csv", "-o", "/"), "is a directory"),
        (
            ("--tenant", "t", "export", "--format", "csv", "-o", "x.csv"),
            "--tenant: it has to stand behind `usage export`",
        ),
        (
            ("--database", "DB", "delete", "--before", "2026-06-01", "--yes"),
            "--database: it has to stand behind `usage delete`",
        ),
        (("export", "--format", "csv", "-o", "x.csv"), "--database is needed"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, what):
    url = f"sqlite:///{tmp_path / 'usage.db'}"
    words = ["usage", *(url if each == "DB" else each for each in arguments)]

    with pytest.raises(BadInput) as raised:
        build_cli()(words, standalone_mode=False)
    assert what in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_a_gateway_is_asked_over_http(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")
    database = Database(f"sqlite:///{tmp_path / 'usage.db'}")
    await database.open()
    store = UsageStore(database)
    await store.ingest([record(at=datetime.now(UTC))])

    class Books:
        usage = store.rows

    config = uvicorn.Config(
        build_api(gateway(), usage=Books()), port=0, log_level="error"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    address = f"http://127.0.0.1:{port}/v1"

    found = await asyncio.to_thread(fetch_usage, address, "TEST_KEY", {"by": "model"})
    assert [(row["model"], row["cost_usd"]) for row in found["data"]] == [
        ("small", 0.25)
    ]
    with pytest.raises(BadInput, match="by: it must be some of day"):
        await asyncio.to_thread(fetch_usage, address, "TEST_KEY", {"by": "x"})
    monkeypatch.setenv("TEST_KEY_2", "sk-av-x")
    with pytest.raises(BadInput, match="not known"):
        await asyncio.to_thread(fetch_usage, address, "TEST_KEY_2", {})
    server.should_exit = True
    await serving
    await database.close()


def test_a_gateway_that_is_not_there(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")
    with pytest.raises(BadInput, match=r"http://127\.0\.0\.1:9: "):
        fetch_usage("http://127.0.0.1:9", "TEST_KEY", {})
