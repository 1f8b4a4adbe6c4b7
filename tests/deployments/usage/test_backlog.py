"""What of a journal may be taken already."""

import os

import pytest

from deployments.usage.backlog import Backlog
from deployments.usage.journal import Journal
from deployments.usage.record import UsageRecord
from tests.deployments.store.made import record

LINES = [record(f"use-{number}").to_json() for number in range(2)]


@pytest.mark.parametrize(("live", "taken"), [(True, LINES[:1]), (False, LINES)])
async def test_a_record_without_its_line_end_counts_once_nobody_writes_there(
    tmp_path, live, taken
):
    # A living writer takes it back if the disk has no room for the line's end.
    journal = Journal(tmp_path)
    os.write(journal._file, b"\n".join(LINES))
    journal.close()

    batch = Backlog(tmp_path, journal.replica, live=live).read(10)

    assert batch is not None
    assert list(batch.lines) == taken


async def test_of_a_living_writer_only_the_last_file_grows(tmp_path):
    journal = Journal(tmp_path, rotate_bytes=1)
    os.write(journal._file, LINES[0])
    journal._size = len(LINES[0])
    journal.append(record("use-1"))
    journal.close()

    batch = Backlog(tmp_path, journal.replica, live=True).read(10)

    assert batch is not None
    assert list(batch.lines) == LINES[:1]


async def test_each_file_is_read_from_its_beginning_and_what_is_left_is_known(tmp_path):
    journal = Journal(tmp_path, rotate_bytes=1)  # a file for each record
    for number in range(3):
        journal.append(record(f"use-{number}"))
    journal.close()
    backlog = Backlog(tmp_path, journal.replica, live=False)
    backlog.count()
    ids, left = [], []
    while batch := backlog.read(10):
        backlog.taken(batch)
        ids += [UsageRecord.from_json(line).id for line in batch.lines]
        left.append(backlog.lines_left)

    assert (ids, left) == (["use-0", "use-1", "use-2"], [2, 1, 0])
