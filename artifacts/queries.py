"""Queries from a file, without labels: records, JSON lines, or one text a line."""

import json
from pathlib import Path

from artifacts.errors import BadInput, RecordError
from artifacts.json_values import text, whole_number
from artifacts.records import numbered_lines

_COMPRESSED = {".gz", ".xz"}
_JSON_LINES = {".jsonl", ".json"}


def read_queries(path: Path) -> tuple[str, ...]:
    """The texts in the order of the file.

    .jsonl and .json (also compressed): each line is an object with `query`, as records
    are, or a string. Any other name: each line that is not blank is a text.
    RecordError names a bad line; BadInput: there is none.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix not in _COMPRESSED]
    as_json = bool(suffixes) and suffixes[-1] in _JSON_LINES
    queries = []
    for number, line in numbered_lines(path):
        try:
            queries.append(_from_json(line) if as_json else _text(line))
        except ValueError as error:
            raise RecordError(path, number, str(error)) from None
    if not queries:
        raise BadInput(f"{path}: no queries")
    return tuple(queries)


def _from_json(line: bytes) -> str:
    try:
        data = json.loads(_text(line), parse_int=whole_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not a query: nested too deeply") from None
    query = data.get("query") if isinstance(data, dict) else data
    return text(query, "query")


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
