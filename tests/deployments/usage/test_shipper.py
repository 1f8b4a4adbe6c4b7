"""From journals to the real store: once each, whatever dies, breaks or is down."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest

from deployments.errors import InvalidRequest, Overloaded
from deployments.store.database import Database
from deployments.store.errors import Refused
from deployments.store.usage_query import Spend, UsageQuery
from deployments.store.usage_store import UsageStore
from deployments.usage import shipper as module
from deployments.usage.journal import Journal
from deployments.usage.journal_files import drop_unfinished, lock_orphan, replicas
from deployments.usage.record import UsageRecord
from deployments.usage.shipper import Shipper
from scripts.bench.usage_kills import run
from tests.deployments.store.made import JULY, JUNE, MAY, record


class Books:
    """A Ledger's part in this, on the real store; it can be down."""

    def __init__(self, store: UsageStore) -> None:
        self.store = store
        self.down = False
        self.batches: list[int] = []
        self.closed: list[str] = []

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        self._check()
        self.batches.append(len(records))
        try:
            return await self.store.ingest(records)
        except Refused as error:
            raise InvalidRequest(str(error)) from None

    async def close_replica(self, replica: str) -> None:
        self._check()
        self.closed.append(replica)

    def _check(self) -> None:
        if self.down:
            raise Overloaded("The store is down.")

    async def ids(self) -> list[str]:
        found = self.store.export(UsageQuery(MAY, JULY))
        return [each.id async for each in found]


@pytest.fixture
async def books(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'usage.db'}")
    await database.open()
    yield Books(UsageStore(database))
    await database.close()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


@asynccontextmanager
async def shipping(folder, books, journal=None):
    journal = journal or Journal(folder)
    shipper = Shipper(folder, journal, books, interval_s=0.01)
    shipper.start()
    yield shipper
    await shipper.stop()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def dead_journal(folder, *records, tail=b""):
    """What a replica that was killed has left; the lock went with it."""
    journal = Journal(folder)
    for each in records:
        line = each.to_json() + b"\n"
        os.write(journal._file, line)
    os.write(journal._file, tail)
    journal.close()
    return journal


async def test_what_is_appended_is_shipped_while_the_writer_lives(folder, books):
    journal = Journal(folder)
    async with shipping(folder, books, journal) as shipper:
        journal.append(record("use-1"))
        journal.append(record("use-2"))
        assert shipper.pending == 2
        await until(lambda: shipper.pending == 0)

        assert await books.ids() == ["use-1", "use-2"]
        assert books.closed == []


async def test_stopping_ships_the_rest_closes_the_replica_and_leaves_nothing(
    folder, books
):
    journal = Journal(folder)
    async with shipping(folder, books, journal):
        for number in range(2500):
            journal.append(record(f"use-{number}"))

    assert len(await books.ids()) == 2500
    assert max(books.batches) == 1000
    assert books.closed == [journal.replica]
    assert list(folder.iterdir()) == []


async def test_records_wait_while_the_ledger_is_down(folder, books):
    journal = Journal(folder)
    books.down = True
    async with shipping(folder, books, journal) as shipper:
        journal.append(record("use-1"))
        await until(lambda: shipper.failing)
        assert shipper.pending == 1
        books.down = False
        await until(lambda: shipper.pending == 0 and not shipper.failing)

    assert await books.ids() == ["use-1"]


async def test_what_a_replica_cannot_ship_before_it_ends_the_next_one_ships(
    folder, books
):
    first = Journal(folder)
    books.down = True
    async with shipping(folder, books, first):
        first.append(record("use-1"))
    books.down = False
    second = Journal(folder)
    async with shipping(folder, books, second):
        await until(lambda: books.closed)

    assert await books.ids() == ["use-1"]
    assert books.closed == [first.replica, second.replica]


async def test_a_dead_replicas_torn_line_is_passed_over(folder, books):
    torn = record("use-2").to_json()[:40]
    dead = dead_journal(folder, record("use-1"), tail=torn)
    async with shipping(folder, books) as shipper:
        await until(lambda: dead.replica in books.closed)
        assert shipper.rejected == 0

    assert await books.ids() == ["use-1"]
    assert list(folder.iterdir()) == []


async def test_a_dead_replicas_last_record_counts_without_its_line_end(folder, books):
    dead = dead_journal(folder, tail=record("use-1").to_json())
    async with shipping(folder, books):
        await until(lambda: dead.replica in books.closed)

    assert await books.ids() == ["use-1"]


async def test_a_living_replicas_torn_line_is_waited_for(folder, books):
    journal = Journal(folder)
    line = record("use-1").to_json() + b"\n"
    async with shipping(folder, books, journal) as shipper:
        os.write(journal._file, line[:50])
        rounds = len(books.batches)
        await asyncio.sleep(0.05)
        assert len(books.batches) == rounds
        os.write(journal._file, line[50:])
        await until(lambda: len(books.batches) > rounds)
        assert shipper.rejected == 0

    assert await books.ids() == ["use-1"]


async def test_a_living_replica_is_left_alone(folder, books, monkeypatch):
    monkeypatch.setattr(module, "_ORPHANS_S", 0.0)
    living = Journal(folder)
    living.append(record("use-1"))
    async with shipping(folder, books):
        dead = dead_journal(folder, record("use-2"))
        await until(lambda: dead.replica in books.closed)

        assert await books.ids() == ["use-2"]
        assert living.replica in replicas(folder)
    living.close()


async def test_a_broken_record_is_set_aside_and_the_others_are_taken(folder, books):
    journal = Journal(folder)
    async with shipping(folder, books, journal) as shipper:
        for number in range(5):
            journal.append(record(f"use-{number}"))
        journal.append(replace(record("no-time"), at=1e15))
        journal.append(record("no-status", status=None))
        os.write(journal._file, b'{"a": "line of another release"}\n')
        journal.append(record("use-5"))
        await until(lambda: shipper.rejected == 3)

    assert await books.ids() == [f"use-{number}" for number in range(6)]
    [kept] = folder.iterdir()
    assert kept.name == f"usage-{journal.replica}.rejected"
    assert kept.read_bytes().count(b"\n") == 3
    assert kept.stat().st_mode & 0o077 == 0


async def test_a_line_with_a_value_of_another_type_holds_up_no_other(
    folder, books, caplog
):
    fields = orjson.loads(record("by-hand").to_json())
    wrong = orjson.dumps({**fields, "cost_usd": "0.25"})
    dead = dead_journal(folder, record("use-1"), tail=wrong + b"\n")
    path = folder / f"usage-{dead.replica}.000000.jsonl"
    with path.open("ab") as file:
        file.write(record("use-2").to_json() + b"\n")
    async with shipping(folder, books):
        await until(lambda: dead.replica in books.closed)

    assert await books.ids() == ["use-1", "use-2"]
    [kept] = folder.iterdir()
    assert kept.read_bytes() == wrong + b"\n"
    [said] = [each.getMessage() for each in caplog.records if "set aside" in each.msg]
    assert f"{path}, line 2: not a usage record: cost_usd" in said
    assert str(kept) in said


async def test_a_line_that_was_mended_is_shipped_as_a_journal_of_its_own(folder, books):
    folder.mkdir()
    mended = folder / "usage-mended.jsonl"
    mended.write_bytes(record("use-1").to_json() + b"\n")
    os.utime(mended, (0.0, 0.0))
    async with shipping(folder, books):
        await until(lambda: "mended" in books.closed)

    assert await books.ids() == ["use-1"]
    assert list(folder.iterdir()) == []


def test_a_file_that_somebody_puts_there_is_left_alone_until_it_is_whole(tmp_path):
    path = tmp_path / "usage-mended.jsonl"
    path.write_bytes(record("use-1").to_json()[:20])
    written_at = path.stat().st_mtime

    for later_s, found in ((0.0, []), (9.0, []), (11.0, ["mended"])):
        assert replicas(tmp_path, lambda at=written_at + later_s: at) == found


async def test_whoever_goes_on_begins_where_the_dead_one_stood(folder, books):
    journal = Journal(folder)
    async with shipping(folder, books, journal) as shipper:
        journal.append(record("use-1"))
        await until(lambda: shipper.pending == 0)
        books.down = True
        journal.append(record("use-2"))
    books.down = False
    books.batches.clear()
    async with shipping(folder, books):
        await until(lambda: books.closed)

    assert books.batches == [1]
    assert await books.ids() == ["use-1", "use-2"]


@pytest.mark.parametrize("nonsense", [b"", b"{}", b"[1]", b'{"number": "x"}'])
async def test_a_broken_note_of_how_far_it_went_ships_all_again(
    folder, books, nonsense
):
    await books.store.ingest([record("use-1")])
    dead = dead_journal(folder, record("use-1"), record("use-2"))
    (folder / f"usage-{dead.replica}.shipped").write_bytes(nonsense)
    async with shipping(folder, books):
        await until(lambda: dead.replica in books.closed)

    assert await books.store.spend_of("t", JUNE, JULY) == Spend(0.5, 2)


async def test_files_that_were_shipped_are_deleted_on_the_way(folder, books):
    journal = Journal(folder, rotate_bytes=5000)
    async with shipping(folder, books, journal) as shipper:
        for number in range(100):
            journal.append(record(f"use-{number}"))
        assert len(list(folder.glob("*.jsonl"))) > 3
        await until(lambda: shipper.pending == 0)
        await until(lambda: list(folder.glob("*.jsonl")) == [journal.path])

    assert len(await books.ids()) == 100


def test_a_lock_that_never_got_its_name_goes_when_it_is_old(folder):
    folder.mkdir(exist_ok=True)
    unfinished = folder / ".usage-r.lock"
    unfinished.touch()

    drop_unfinished(folder)
    assert unfinished.exists()
    drop_unfinished(folder, clock=lambda: time.time() + 3601)
    assert not unfinished.exists()


async def test_of_two_only_one_takes_over(folder):
    dead = dead_journal(folder, record())
    lock = lock_orphan(folder, dead.replica)

    assert lock is not None
    assert lock_orphan(folder, dead.replica) is None
    os.close(lock)


async def test_a_dead_replica_that_left_no_record_is_closed_too(folder, books):
    dead = dead_journal(folder)
    async with shipping(folder, books):
        await until(lambda: dead.replica in books.closed)


def test_each_acknowledged_record_is_in_sql_once_whoever_is_killed():
    """`scripts/bench/usage-kills` does it with 50,000."""
    result = run(3000, writers=3, kill_every_s=0.1, seed=7)

    assert result.acknowledged >= 3000
    assert result.writers_killed > 3
    assert result.holds, result


async def test_what_cannot_be_read_of_a_dead_replica_holds_up_no_other(folder, books):
    """Their leases stayed open, and what they had spent was not known."""
    dead = dead_journal(folder, record("use-1"))
    (folder / "usage-0.lock").touch()
    (folder / "usage-0.000000.jsonl").mkdir()  # as a file on a disk that fails
    journal = Journal(folder)
    shipper = Shipper(folder, journal, books, interval_s=0.01)
    shipper.start()
    await until(lambda: books.closed == [dead.replica])
    await until(lambda: shipper.failing)
    await shipper.stop()

    assert await books.ids() == ["use-1"]
