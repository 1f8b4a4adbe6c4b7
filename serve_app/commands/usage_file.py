"""Usage records as a file for others: CSV or Parquet, whole or not at all."""

import csv
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_type_hints

from artifacts.errors import BadInput
from artifacts.importers.libraries import library
from deployments.usage.record import UsageRecord

Format = Literal["csv", "parquet"]
_ROWS = 5000  # in one group of a Parquet file
_TYPES = get_type_hints(UsageRecord)


async def write_usage(
    path: Path, kind: Format, records: AsyncIterator[UsageRecord]
) -> int:
    """How many there were. What was there is replaced when everything is on disk.

    `at` is a time in UTC; in CSV, lists are joined by spaces. Unknown is an
    empty field, null in Parquet. What a spreadsheet would take for a formula has a '
    before it in CSV.
    """
    write = _write_csv if kind == "csv" else _write_parquet
    try:
        with _replacing(path) as staging:
            return await write(staging, records)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None


async def _write_csv(path: Path, records: AsyncIterator[UsageRecord]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(_TYPES))
        writer.writeheader()
        async for record in records:
            row = _row(record)
            # Always with its fraction: readers take the form of a column from its head.
            row["at"] = row["at"].isoformat(timespec="microseconds")
            for name in ("failures", "clusters"):
                row[name] = " ".join(map(str, row[name]))
            writer.writerow({name: _plain(value) for name, value in row.items()})
            count += 1
    return count


async def _write_parquet(path: Path, records: AsyncIterator[UsageRecord]) -> int:
    arrow = library("pyarrow", package="pyarrow")
    parquet = library("pyarrow.parquet", package="pyarrow")
    schema = _schema(arrow)
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        rows: list[dict[str, Any]] = []
        async for record in records:
            rows.append(_row(record))
            if len(rows) == _ROWS:
                writer.write_table(arrow.Table.from_pylist(rows, schema))
                count, rows = count + len(rows), []
        writer.write_table(arrow.Table.from_pylist(rows, schema))
    return count + len(rows)


def _schema(arrow: Any) -> Any:
    """A column for each field: a file without records has its types, too."""
    kinds = {
        str: arrow.string(),
        int: arrow.int64(),
        float: arrow.float64(),
        bool: arrow.bool_(),
        tuple[str, ...]: arrow.list_(arrow.string()),
        tuple[int, ...]: arrow.list_(arrow.int64()),
    }
    # Of `int | None` the first; a Literal is text.
    stated = {name: _alternatives(of)[0] for name, of in _TYPES.items()}
    columns = {name: kinds.get(of, arrow.string()) for name, of in stated.items()}
    return arrow.schema({**columns, "at": arrow.timestamp("us", tz="UTC")})


def _alternatives(of: Any) -> tuple[Any, ...]:
    return get_args(of) if isinstance(of, UnionType) else (of,)


def _row(record: UsageRecord) -> dict[str, Any]:
    return {**asdict(record), "at": datetime.fromtimestamp(record.at, UTC)}


def _plain(value: Any) -> Any:
    """Text that a spreadsheet does not take for a formula."""
    risky = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if risky else value


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(handle)
    staging = Path(name)
    try:
        yield staging
        with staging.open("rb") as file:
            os.fsync(file.fileno())
        staging.replace(target)  # for the owner only: it says who used what
    finally:
        staging.unlink(missing_ok=True)
