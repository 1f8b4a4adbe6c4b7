"""Routing records on disk → RoutingDataset, strictly.

One JSON object a line, plain, .gz or .xz:
`{"query", "records": {model: score}, "usages": {model: {"prompt_tokens",
"completion_tokens", "cost"}}, "dataset"?, "index"?}`, as the authors of Avengers-Pro
released theirs, plus token counts. `cost` is in USD for that one call.
"""

import codecs
import gzip
import lzma
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import numpy as np

from artifacts.dataset import MATRICES, RoutingDataset
from artifacts.errors import BadInput, RecordError
from artifacts.record_line import Record, parse_record
from artifacts.token_price import TokenPrice

MAX_LINE_BYTES = 32 * 2**20

_Place = tuple[Path, int]  # file, line


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
        table = _Table()
        first: Record | None = None
        seen: dict[tuple[str, str, str], _Place] = {}
        for path in paths:
            for number, line in numbered_lines(path):
                record = self._checked(path, number, line)
                _refuse_duplicate(record, seen, (path, number))
                first = first or record
                if not self.allow_gaps:
                    _refuse_gap(record, first, path, number)
                table.add(record)
        if first is None:
            raise BadInput(f"{', '.join(map(str, paths))}: no records")
        return table.dataset()

    def _checked(self, path: Path, number: int, line: bytes) -> Record:
        try:
            return parse_record(line, self.prices)
        except ValueError as error:
            raise RecordError(path, number, str(error)) from None


def _refuse_duplicate(
    record: Record, seen: dict[tuple[str, str, str], _Place], place: _Place
) -> None:
    keys = [("query", record.dataset, record.query)]
    if record.index is not None:
        keys.append(("index", record.dataset, record.index))
    for key in keys:
        if key in seen:
            file, line = seen[key]
            what = f"duplicate {key[0]} in dataset {key[1]!r}, first at {file}:{line}"
            raise RecordError(*place, what)
        seen[key] = place


def _refuse_gap(record: Record, first: Record, path: Path, number: int) -> None:
    for model in sorted(first.cells.keys() ^ record.cells.keys()):
        lacking = "is missing" if model in first.cells else "is not in the first record"
        what = f"records: model {model!r} {lacking} (allow gaps to accept)"
        raise RecordError(path, number, what)


class _Table:
    """Records as numbers, 40 bytes a cell: a million of them must fit in memory."""

    def __init__(self) -> None:
        self._queries: list[str] = []
        self._datasets: list[str] = []
        self._column_of: dict[str, int] = {}
        self._columns = array("q")  # of each cell
        self._counts = array("q")  # cells in each row
        self._values = array("d")  # of each cell, in the order of MATRICES

    def add(self, record: Record) -> None:
        self._queries.append(record.query)
        self._datasets.append(sys.intern(record.dataset))
        self._counts.append(len(record.cells))
        for model, cell in record.cells.items():
            column = self._column_of.setdefault(model, len(self._column_of))
            self._columns.append(column)
            self._values.extend(getattr(cell, name) for name in MATRICES)

    def dataset(self) -> RoutingDataset:
        models = sorted(self._column_of)
        # Models have columns by their first appearance; here they are sorted.
        place = np.argsort([self._column_of[model] for model in models])
        rows = np.repeat(np.arange(len(self._queries)), np.asarray(self._counts))
        columns = place[np.asarray(self._columns)]
        values = np.asarray(self._values).reshape(-1, len(MATRICES))
        matrices = {}
        for i, name in enumerate(MATRICES):
            matrix = np.full((len(self._queries), len(models)), np.nan)
            matrix[rows, columns] = values[:, i]
            matrices[name] = matrix
        return RoutingDataset(
            queries=tuple(self._queries),
            datasets=tuple(self._datasets),
            models=tuple(models),
            **matrices,
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
                if number == 1:  # some editors mark the order of bytes, which is none
                    line = line.removeprefix(codecs.BOM_UTF8)
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
