"""What of a journal may be taken already."""

import os

import pytest

from deployments.usage.backlog import Backlog
from deployments.usage.journal import Journal
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
