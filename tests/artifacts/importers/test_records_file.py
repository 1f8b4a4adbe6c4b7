"""Records files are written all or nothing, and the same bytes for the same records."""

import os
import stat

import pytest

from artifacts.errors import BadInput
from artifacts.importers.records_file import check_writable, write_records
from artifacts.records import RecordReader

RECORD = {
    "query": "Wie viel ist 6 × 7?",
    "dataset": "d",
    "records": {"a": 1},
    "usages": {"a": {"cost": 0.5}},
}


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.jsonl.xz"])
def test_what_is_written_is_read_back(tmp_path, name):
    write_records(tmp_path / "new" / name, [RECORD])

    dataset = RecordReader().read([tmp_path / "new" / name])
    assert dataset.queries == (RECORD["query"],)
    assert dataset.cost_usd[0, 0] == 0.5


@pytest.mark.parametrize("suffix", ["jsonl", "gz", "xz"])
def test_the_same_records_give_the_same_bytes(tmp_path, suffix):
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"other.{suffix}"
    write_records(first, [RECORD])
    os.utime(first, (1, 1))
    write_records(second, [RECORD])

    assert first.read_bytes() == second.read_bytes()


def test_a_failure_in_the_middle_leaves_what_was_there(tmp_path):
    target = tmp_path / "r.jsonl.gz"
    target.write_bytes(b"kept")

    def records():
        yield RECORD
        raise KeyError("stop")

    with pytest.raises(KeyError):
        write_records(target, records())

    assert target.read_bytes() == b"kept"
    assert list(tmp_path.iterdir()) == [target]


def test_a_directory_is_not_replaced(tmp_path):
    with pytest.raises(BadInput, match="is a directory"):
        write_records(tmp_path, [RECORD])


def test_what_is_no_file_is_not_replaced(tmp_path):
    device = tmp_path / "device"
    os.mkfifo(device)

    with pytest.raises(BadInput, match="device: is no regular file"):
        write_records(device, [RECORD])

    assert device.is_fifo()


def test_where_no_file_can_be_made_is_told_before_there_is_one(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(BadInput, match=r"file/r\.jsonl: Not a directory$"):
        check_writable(tmp_path / "file" / "r.jsonl")
    check_writable(tmp_path / "new" / "r.jsonl")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_links_in_a_ring_are_one_line(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    with pytest.raises(BadInput, match=r"/a: Too many levels of symbolic links$"):
        write_records(tmp_path / "a", [RECORD])


def test_who_may_read_it_is_as_before_else_as_of_any_new_file(tmp_path):
    closed, new = tmp_path / "closed.jsonl", tmp_path / "new.jsonl"
    closed.touch(0o600)
    mask = os.umask(0o027)
    try:
        write_records(closed, [RECORD])
        write_records(new, [RECORD])
    finally:
        os.umask(mask)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (closed, new)]
    assert modes == [0o600, 0o640]
