"""A table of one's own: CSV or Parquet, a row for each query and model.

Columns `query`, `model`, `score`; and, where they are known, `cost` in USD,
`prompt_tokens`, `completion_tokens`, `dataset` and `index`. An empty cell is unknown.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from artifacts.errors import BadInput
from artifacts.importers.cells import Attempt, ImportOptions, Note, Usage
from artifacts.importers.fields import amount, cell_number, identifier, score
from artifacts.importers.wide_table import ROW_NUMBERS, Row, open_table
from artifacts.json_values import text

_NEEDED = ("query", "model", "score")
_KNOWN = (*_NEEDED, "cost", "prompt_tokens", "completion_tokens", "dataset", "index")


def read(sources: Sequence[Path], options: ImportOptions) -> Iterator[Attempt | Note]:
    """All rows of all tables; BadInput names file, row and column."""
    for path in sources:
        with open_table(path) as table:
            _check(path, table.columns)
            others = [c for c in table.columns if c not in {*_KNOWN, *ROW_NUMBERS}]
            if others:
                yield Note(f"{path}: columns not read: {', '.join(others)}")
            wanted = [name for name in _KNOWN if name in table.columns]
            for number, row in table.rows(wanted):
                where = f"{path}: row {number}"
                try:
                    attempt = _attempt(row, where)
                except ValueError as error:
                    raise BadInput(f"{where}: {error}") from None
                yield attempt


def _check(path: Path, columns: Sequence[str]) -> None:
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        there = ", ".join(columns) or "none"
        what = f"column {missing[0]!r} is missing (there are: {there})"
        raise BadInput(f"{path}: {what}")


def _attempt(row: Row, where: str) -> Attempt:
    query = text(row["query"], "query")
    dataset, index = row.get("dataset"), row.get("index")
    return Attempt(
        dataset="default" if _empty(dataset) else text(dataset, "dataset"),
        key=query,
        index=None if _empty(index) else identifier(index, "index"),
        query=query,
        model=text(row["model"], "model"),
        where=where,
        usage=Usage(
            prompt_tokens=_amount(row, "prompt_tokens"),
            completion_tokens=_amount(row, "completion_tokens"),
            cost_usd=_amount(row, "cost"),
        ),
        score=score(cell_number(row["score"], "score"), "score"),
        gap="no score",
    )


def _empty(value: Any) -> bool:
    return value is None or value == ""


def _amount(row: Row, name: str) -> float | None:
    return amount(cell_number(row.get(name), name), name)
