"""What the strict reader takes, and how it refuses the rest."""

import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from artifacts import records
from artifacts.errors import BadInput, RecordError
from artifacts.records import RecordReader
from artifacts.token_price import TokenPrice

USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "cost": 0.5}
GOOD = {
    "query": "q",
    "records": {"a": 1.0, "b": 0},
    "usages": {"a": USAGE, "b": USAGE},
    "dataset": "d",
    "index": 0,
}


def line(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode() + b"\n"


def write(directory: Path, *lines: bytes, name: str = "r.jsonl") -> Path:
    path = directory / name
    path.write_bytes(b"".join(lines))
    return path


def test_reads_all_values(tmp_path):
    second = line(query="r", index=1, records={"a": 0.25, "b": 1})
    dataset = RecordReader().read([write(tmp_path, line(), b"\n", second)])

    assert dataset.models == ("a", "b")
    assert dataset.score.tolist() == [[1, 0], [0.25, 1]]
    assert dataset.cost_usd.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert dataset.completion_tokens[0, 0] == 20


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"{\n", "not JSON"),
        (b"[]\n", "not a JSON object"),
        (b"\xff\n", "not UTF-8 at byte 0"),
        (line(query=" "), "query: a non-empty string is needed"),
        (line(records={}), "records: no model"),
        (line(records={"a": 1.5, "b": 0}), "records.a: score 1.5 is outside [0, 1]"),
        (line(records={"a": True, "b": 0}), "records.a: a number is needed"),
        (line(records={"a": float("nan"), "b": 0}), "NaN is not a number"),
        (line(usages={"a": USAGE}), "usages.b: missing"),
        (line(usages={"a": USAGE, "b": {}}), "usages.b.cost: missing"),
        (line(usages={"a": USAGE, "b": {"cost": -1}}), "usages.b.cost: -1 is negative"),
        (line(usages={"a": USAGE, "b": USAGE, "c": USAGE}), "usages.c: no score"),
        (line(query="p", index=1, records={"a": 1}, usages={"a": USAGE}), "'b' is mis"),
        (line(index=1), "duplicate query in dataset 'd', first at"),
        (line(query="p"), "duplicate index in dataset 'd', first at"),
        (b'{"query": "a", "query": "b"}\n', "duplicate key 'query'"),
    ],
)
def test_a_bad_line_is_named(tmp_path, bad, what):
    path = write(tmp_path, line(), bad)

    with pytest.raises(RecordError) as error:
        RecordReader().read([path])

    assert str(error.value).startswith(f"{path}:2: ")
    assert what in str(error.value)


def test_a_line_that_is_too_long_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MAX_LINE_BYTES", 1000)
    path = write(tmp_path, line(), line(query="x" * 5000))

    with pytest.raises(RecordError, match=r"r\.jsonl:2: line longer"):
        RecordReader().read([path])


def test_a_truncated_xz_file_is_refused(tmp_path):
    packed = lzma.compress(b"".join(line(query=f"q{i}", index=i) for i in range(500)))
    path = write(tmp_path, packed[: len(packed) // 2], name="r.jsonl.xz")

    with pytest.raises(RecordError, match="broken compressed file"):
        RecordReader().read([path])


@pytest.mark.parametrize("start", [12, 60])
def test_a_damaged_gz_file_is_refused(tmp_path, start):
    lines = [line(query=f"{i * 7919:x}", index=i) for i in range(500)]
    packed = bytearray(gzip.compress(b"".join(lines), mtime=0))
    packed[start : start + 6] = b"\xff" * 6
    path = write(tmp_path, bytes(packed), name="r.jsonl.gz")

    with pytest.raises(RecordError, match=r"r\.jsonl\.gz:\d+: "):
        RecordReader().read([path])


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.jsonl.xz"])
def test_compression_makes_no_difference(tmp_path, name):
    pack = {".jsonl": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
    path = write(tmp_path, pack[Path(name).suffix](line()), name=name)

    assert RecordReader().read([path]).queries == ("q",)


def test_a_query_repeated_in_another_file_names_both_places(tmp_path):
    first = write(tmp_path, line(), name="1.jsonl")
    second = write(tmp_path, b"\n", line(index=1), name="2.jsonl")

    with pytest.raises(RecordError) as error:
        RecordReader().read([first, second])

    what = f"duplicate query in dataset 'd', first at {first}:1"
    assert str(error.value) == f"{second}:2: {what}"


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        RecordReader().read([tmp_path / "absent.jsonl"])


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_a_file_without_records_is_refused(tmp_path, content):
    with pytest.raises(BadInput, match="no records"):
        RecordReader().read([write(tmp_path, content)])


def test_a_missing_cost_is_estimated_from_tokens_and_price(tmp_path):
    tokens = {"prompt_tokens": 10, "completion_tokens": 20}
    path = write(tmp_path, line(usages={"a": tokens, "b": USAGE}))

    dataset = RecordReader(prices={"a": TokenPrice(0.1, 0.2)}).read([path])

    assert dataset.cost_usd[0, 0] == pytest.approx(10 * 0.1 + 20 * 0.2)


def test_a_gap_that_is_allowed_is_nan_and_not_0(tmp_path):
    gap = line(query="p", index=1, records={"a": 1}, usages={"a": USAGE})
    dataset = RecordReader(allow_gaps=True).read([write(tmp_path, line(), gap)])

    assert np.isnan(dataset.score[1, 1])
    assert np.isnan(dataset.cost_usd[1, 1])


def test_a_mark_of_byte_order_is_no_part_of_the_first_line(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbf" + line(), line(query="r", index=1))

    assert RecordReader().read([path]).queries == ("q", "r")
