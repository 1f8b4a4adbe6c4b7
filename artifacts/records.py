"""Routing records on disk → RoutingDataset, strictly.

One JSON object a line, plain, .gz or .xz:
`{"query", "records": {model: score}, "usages": {model: {"prompt_tokens",
"completion_tokens", "cost"}}, "dataset"?, "index"?}`, as the authors of Avengers-Pro
released theirs, plus token counts. `cost` is in USD for that one call.
"""

import gzip
import lzma
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import numpy as np

from artifacts.dataset import Matrix, RoutingDataset
from artifacts.errors import BadInput, RecordError
from artifacts.record_line import NAN, Cell, Record, TokenPrice, parse_record

MAX_LINE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Reads records files.

    `prices` estimates a missing cost from tokens; `allow_gaps` accepts lines that
    lack some of the models (their score is then nan, never 0).
    """

    prices: Mapping[str, TokenPrice] = field(default_factory=dict)
    allow_gaps: bool = False

    def read(self, paths: Sequence[Path]) -> RoutingDataset:
        """All lines of all files as one dataset; RecordError names a bad one."""
        records: list[Record] = []
        seen: dict[tuple[str, str, str], str] = {}
        for path in paths:
            for number, line in numbered_lines(path):
                record = self._checked(path, number, line)
                self._refuse_duplicate(record, seen, f"{path}:{number}")
                if not self.allow_gaps and records:
                    _refuse_gap(record, records[0], path, number)
                records.append(record)
        if not records:
            raise BadInput(f"{', '.join(map(str, paths))}: no records")
        return _to_dataset(records)

    def _checked(self, path: Path, number: int, line: bytes) -> Record:
        try:
            return parse_record(line, self.prices)
        except ValueError as error:
            raise RecordError(path, number, str(error)) from None

    @staticmethod
    def _refuse_duplicate(
        record: Record, seen: dict[tuple[str, str, str], str], where: str
    ) -> None:
        keys = [("query", record.dataset, record.query)]
        if record.index is not None:
            keys.append(("index", record.dataset, record.index))
        for key in keys:
            if key in seen:
                file, line = where.rsplit(":", 1)
                what = f"duplicate {key[0]} in dataset {key[1]!r}, first at {seen[key]}"
                raise RecordError(file, int(line), what)
            seen[key] = where


def _refuse_gap(record: Record, first: Record, path: Path, number: int) -> None:
    for model in sorted(first.cells.keys() ^ record.cells.keys()):
        lacking = "is missing" if model in first.cells else "is not in the first record"
        what = f"records: model {model!r} {lacking} (allow gaps to accept)"
        raise RecordError(path, number, what)


def _to_dataset(records: Sequence[Record]) -> RoutingDataset:
    models = tuple(sorted({model for record in records for model in record.cells}))
    missing = Cell(NAN, NAN, NAN, NAN)
    cells = [
        [record.cells.get(model, missing) for model in models] for record in records
    ]

    def matrix(name: str) -> Matrix:
        return np.array([[getattr(cell, name) for cell in row] for row in cells])

    return RoutingDataset(
        queries=tuple(record.query for record in records),
        datasets=tuple(record.dataset for record in records),
        models=models,
        score=matrix("score"),
        cost_usd=matrix("cost_usd"),
        prompt_tokens=matrix("prompt_tokens"),
        completion_tokens=matrix("completion_tokens"),
    )


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Non-blank lines with their 1-based numbers.

    Raises RecordError for a line that is too long and for a broken compressed file.
    """
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    what = f"line longer than {MAX_LINE_BYTES // 2**20} MiB"
                    raise RecordError(path, number, what)
                if line.strip():
                    yield number, line
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        what = f"broken compressed file: {error}"
        raise RecordError(path, number + 1, what) from None
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")
