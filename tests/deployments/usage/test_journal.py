"""Usage records on disk."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from deployments.usage.journal import Journal, read_journal
from deployments.usage.journal_files import lock_orphan, records_files, replicas
from deployments.usage.record import UsageRecord

RECORD = UsageRecord(
    id="use-1",
    request_id="req-1",
    at=1.5,
    tenant="t",
    key_id="k",
    cost_tier=None,
    alpha=0.5,
    surface="chat/completions",
    stream=True,
    requested_model="auto",
    status="answered",
    latency_s=0.25,
    cost_usd=None,
    failures=("a=upstream_error",),
    clusters=(3, 1),
)

WRITER = """
import asyncio, sys
from pathlib import Path
from deployments.usage.journal import Journal
from deployments.usage.record import UsageRecord

async def main():
    journal = Journal(Path(sys.argv[1]))
    fields = dict(request_id="r", at=0, tenant="t", key_id="k", cost_tier=None,
        alpha=0.5, surface="s", stream=False, requested_model="m", status="answered",
        latency_s=0)
    for number in range(10**9):
        journal.append(UsageRecord(id=f"use-{number}", **fields))
        print(number, flush=True)

asyncio.run(main())
"""


async def test_what_is_appended_is_read_again(tmp_path):
    journal = Journal(tmp_path)
    journal.append(RECORD)
    journal.close()

    assert list(read_journal(tmp_path)) == [RECORD]


async def test_the_highest_revision_of_a_record_counts(tmp_path):
    journal = Journal(tmp_path)
    known = replace(RECORD, revision=1, cost_usd=0.5)
    journal.append(RECORD)
    journal.append(known)
    journal.append(replace(RECORD, id="use-2"))
    journal.close()

    first, second = read_journal(tmp_path)

    assert first == known
    assert second.cost_usd is None


async def test_a_torn_line_is_skipped(tmp_path):
    journal = Journal(tmp_path)
    journal.append(RECORD)
    journal.close()
    with journal.path.open("ab") as file:
        file.write(RECORD.to_json()[:40])

    assert list(read_journal(tmp_path)) == [RECORD]


def test_a_process_that_is_killed_loses_no_record_it_has_acknowledged(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(200)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += writer.stdout.read().splitlines(keepends=True)
    writer.stdout.close()
    writer.wait()
    numbers = {int(line) for line in acknowledged if line.endswith("\n")}

    found = {int(record.id.removeprefix("use-")) for record in read_journal(tmp_path)}

    assert len(numbers) >= 200
    assert numbers <= found


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"nonsense"])
def test_what_is_no_record_is_refused(line):
    with pytest.raises(ValueError, match=r".*"):
        UsageRecord.from_json(line)


async def test_nobody_else_may_read_a_journal(tmp_path):
    journal = Journal(tmp_path / "usage")
    journal.close()

    assert journal.path.stat().st_mode & 0o077 == 0


async def test_a_full_file_is_followed_by_the_next(tmp_path):
    journal = Journal(tmp_path, rotate_bytes=2000)
    records = [replace(RECORD, id=f"use-{number}") for number in range(20)]
    for record in records:
        journal.append(record)
    journal.close()

    files = records_files(tmp_path, journal.replica)
    assert len(files) > 3
    assert [number for number, _ in files] == list(range(len(files)))
    assert all(path.stat().st_size <= 2000 for _, path in files)
    assert list(read_journal(tmp_path)) == records


async def test_a_part_of_a_record_does_not_spoil_the_next(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: write(file, data[:30]))
        with pytest.raises(OSError, match="No space left"):
            journal.append(RECORD)
    journal.append(replace(RECORD, id="use-2"))
    journal.close()

    assert [record.id for record in read_journal(tmp_path)] == ["use-2"]
    assert journal.appended == 1


async def test_a_closed_journal_takes_no_record_and_harms_no_other_file(tmp_path):
    journal = Journal(tmp_path / "usage")
    journal.append(RECORD)
    journal.close()
    others = [(tmp_path / f"{number}").open("wb") for number in range(8)]

    with pytest.raises(OSError, match="the journal is closed"):
        journal.append(replace(RECORD, id="use-2"))
    journal.close()  # again: it closes nobody else's files

    for other in others:
        other.close()  # OSError if it was closed already
    assert [path.read_bytes() for path in tmp_path.glob("[0-9]")] == [b""] * 8
    assert [record.id for record in read_journal(tmp_path / "usage")] == ["use-1"]


async def test_the_lock_is_held_until_the_journal_is_closed(tmp_path):
    journal = Journal(tmp_path)
    assert lock_orphan(tmp_path, journal.replica) is None
    journal.close()

    lock = lock_orphan(tmp_path, journal.replica)
    assert lock is not None
    os.close(lock)


def test_the_lock_ends_with_the_process(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    writer.stdout.readline()
    [replica] = replicas(tmp_path)
    held = lock_orphan(tmp_path, replica)
    writer.kill()
    writer.wait()
    writer.stdout.close()

    assert held is None
    lock = lock_orphan(tmp_path, replica)
    assert lock is not None
    os.close(lock)


def _fail(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def tear(journal: Journal, monkeypatch: pytest.MonkeyPatch, *, stays: bool) -> None:
    """A disk that is full after a part of a record; `stays`: that cannot be undone."""
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: write(file, data[:30]))
        if stays:
            full.setattr(os, "ftruncate", _fail)
        with pytest.raises(OSError, match=r".*"):
            journal.append(RECORD)


@pytest.mark.parametrize("stays", [[True], [True, True], [True, False]])
async def test_a_part_that_could_not_be_taken_back_does_not_spoil_the_next(
    tmp_path, monkeypatch, stays
):
    journal = Journal(tmp_path)
    for each in stays:
        tear(journal, monkeypatch, stays=each)
    journal.append(replace(RECORD, id="use-2"))
    journal.close()

    assert [record.id for record in read_journal(tmp_path)] == ["use-2"]


async def test_taking_a_part_back_takes_nothing_of_the_record_before(
    tmp_path, monkeypatch
):
    journal = Journal(tmp_path)
    tear(journal, monkeypatch, stays=True)
    journal.append(replace(RECORD, id="use-2"))
    tear(journal, monkeypatch, stays=False)
    journal.append(replace(RECORD, id="use-3"))
    journal.close()

    assert [record.id for record in read_journal(tmp_path)] == ["use-2", "use-3"]
