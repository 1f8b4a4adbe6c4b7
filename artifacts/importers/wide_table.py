"""Rows of a table: CSV (plain, .gz, .xz) as it streams, Parquet by batches."""

import csv
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast

from artifacts.errors import BadInput
from artifacts.importers.libraries import library
from artifacts.records import MAX_LINE_BYTES

Row = dict[str, Any]
# What pandas calls the column of the row's number.
ROW_NUMBERS = frozenset({"", "Unnamed: 0", "__index_level_0__"})
_BATCH = 256


@dataclass(frozen=True, slots=True)
class WideTable:
    """A table's columns, and its rows with only some of them.

    `rows(columns)` yields (1-based row number without the header, row). A CSV's
    values are text, empty where missing; a Parquet file's are typed, None where
    missing.
    """

    columns: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[tuple[int, Row]]]


@contextmanager
def open_table(path: Path) -> Iterator[WideTable]:
    """BadInput where the file is neither kind, or broken, also while rows are read."""
    try:
        if path.suffix == ".parquet":
            with _parquet(path) as table:
                yield table
        elif ".csv" in path.suffixes[-2:]:
            with _text(path) as text:
                yield _csv(path, text)
        else:
            raise BadInput(f"{path}: a .csv, .csv.gz, .csv.xz or .parquet is needed")
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: broken compressed file: {error}") from None
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or _first_line(error)}") from None


def _csv(path: Path, text: TextIOWrapper) -> WideTable:
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_lines(text), strict=True)
    columns = tuple(_next_line(path, reader, 0) or ())
    _refuse_repeated(path, columns)

    def rows(wanted: Sequence[str]) -> Iterator[tuple[int, Row]]:
        places = {name: columns.index(name) for name in wanted}
        number = 0
        while (values := _next_line(path, reader, number + 1)) is not None:
            if not values:  # an empty line
                continue
            number += 1
            if len(values) != len(columns):
                what = f"{len(values)} fields instead of {len(columns)}"
                raise BadInput(f"{path}: row {number}: {what}")
            yield number, {name: values[place] for name, place in places.items()}

    return WideTable(columns, rows)


def _refuse_repeated(path: Path, columns: tuple[str, ...]) -> None:
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise BadInput(f"{path}: column {twice!r} is there twice")


def _lines(text: TextIOWrapper) -> Iterator[str]:
    """None is read whole that is too long for a field: a small packed file may hold
    one that fills the memory."""
    while line := text.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise csv.Error(f"line longer than {MAX_LINE_BYTES // 2**20} Mi characters")
        yield line


def _next_line(path: Path, reader: Iterator[list[str]], row: int) -> list[str] | None:
    place = f"{path}: row {row}" if row else f"{path}: header"
    try:
        return next(reader, None)
    except csv.Error as error:
        raise BadInput(f"{place}: not CSV: {error}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{place}: not UTF-8: {error.reason}") from None


@contextmanager
def _parquet(path: Path) -> Iterator[WideTable]:
    arrow = library("pyarrow", package="pyarrow")
    parquet = library("pyarrow.parquet", package="pyarrow")
    path.open("rb").close()  # the system's own word for a file that is not there
    try:
        with parquet.ParquetFile(path) as file:
            columns = tuple(file.schema_arrow.names)
            _refuse_repeated(path, columns)

            def rows(wanted: Sequence[str]) -> Iterator[tuple[int, Row]]:
                number = 0
                for batch in file.iter_batches(_BATCH, columns=list(wanted)):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row

            yield WideTable(columns, rows)
    except arrow.ArrowException as error:
        raise BadInput(f"{path}: broken Parquet file: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _text(path: Path) -> TextIOWrapper:
    # Spreadsheets write a mark of byte order, which is no part of the first name.
    return TextIOWrapper(_opened(path), encoding="utf-8-sig", newline="")


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")
