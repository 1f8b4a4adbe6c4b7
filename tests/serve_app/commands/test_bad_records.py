"""Each way in which a records file can be bad, through `avengers fit`."""

import json
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAIN = "from serve_app.cli import main; main()"
BUNDLED = ROOT / "artifacts" / "default"
USAGE = {"prompt_tokens": 9, "completion_tokens": 9, "cost": 0.1}


def line(i: int, **changes: object) -> bytes:
    record = {
        "query": f"What is {i} times {i + 1}?",
        "records": {"a": i % 2, "b": 1},
        "usages": {"a": USAGE, "b": USAGE},
        "index": i,
    }
    return json.dumps({**record, **changes}).encode() + b"\n"


def usages(**changes: object) -> dict[str, object]:
    return {"usages": {"a": USAGE, "b": {**USAGE, **changes}}}


def whole(bad: bytes) -> bytes:
    """40 lines, of which the 21st is bad."""
    return b"".join([*map(line, range(20)), bad, *map(line, range(21, 40))])


NO_B = {"records": {"a": 1}, "usages": {"a": USAGE}}
PACKED = lzma.compress(b"".join(line(i, note=f"{i**99:x}") for i in range(2000)))

MATRIX = {
    "missing model": (whole(line(20, **NO_B)), ":21: records: model 'b' is missing"),
    "missing cost": (whole(line(20, **usages(cost=None))), ":21: usages.b.cost: miss"),
    "NaN score": (
        whole(line(20, records={"a": float("nan"), "b": 1})),
        ":21: records.a: NaN is not a number",
    ),
    "NaN cost": (
        whole(line(20, **usages(cost=float("nan")))),
        ":21: usages.b.cost: NaN is not a number",
    ),
    "negative cost": (
        whole(line(20, **usages(cost=-0.1))),
        ":21: usages.b.cost: -0.1 is negative",
    ),
    "score 1.5": (
        whole(line(20, records={"a": 1.5, "b": 1})),
        ":21: records.a: score 1.5 is outside [0, 1]",
    ),
    "empty query": (whole(line(20, query="")), ":21: query: a non-empty string"),
    "duplicate query": (
        whole(line(20, query="What is 3 times 4?")),
        ":21: duplicate query in dataset 'default', first at ",
    ),
    "huge line": (whole(line(20, query="x" * 2**25)), ":21: line longer than 32 MiB"),
    "wrong encoding": (
        whole(line(20, query="\\").replace(rb"\\", "é".encode("latin-1"))),
        ":21: not UTF-8 at byte 11",
    ),
    "truncated xz": (PACKED[: len(PACKED) // 2], ": broken compressed file: "),
}


@pytest.mark.parametrize("kind", MATRIX)
def test_bad_records_are_one_line_and_touch_nothing(tmp_path, kind):
    content, what = MATRIX[kind]
    name = "r.jsonl.xz" if kind == "truncated xz" else "r.jsonl"
    records, out = tmp_path / name, tmp_path / "work" / "artifact"
    records.write_bytes(content)
    out.mkdir(parents=True)
    for file in ("manifest.json", "arrays.npz"):
        shutil.copy(BUNDLED / file, out)
    before = {path: path.read_bytes() for path in out.iterdir()}

    run = subprocess.run(
        [sys.executable, "-c", MAIN, "fit", records, "-o", out, "--clusters", "4"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert run.stderr.startswith(f"avengers: {records}:")
    assert what in run.stderr
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in out.parent.iterdir()] == ["artifact"]
