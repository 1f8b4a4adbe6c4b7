"""RouterBench's wide table: a row a prompt, a column a model.

`sample_id`, `prompt`, `eval_name`, then for every model `M` its score in the column
`M`, its answer in `M|model_response` and its cost in USD in `M|total_cost`; the
column that names the oracle's choice is not read.
"""

import ast
import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from artifacts.errors import BadInput
from artifacts.importers.cells import Attempt, ImportOptions, Note, Usage
from artifacts.importers.fields import amount, cell_number, score
from artifacts.importers.wide_table import ROW_NUMBERS, Row, open_table
from artifacts.json_values import text

_COST = "|total_cost"
_RESPONSE = "|model_response"
_FIXED = ("sample_id", "prompt", "eval_name")
_ORACLE = "oracle_model_to_route_to"


def read(sources: Sequence[Path], options: ImportOptions) -> Iterator[Attempt | Note]:
    """All cells of all tables; BadInput names file, row and column."""
    for path in sources:
        _refuse_pickle(path)
        yield from _read_table(path)


def _refuse_pickle(path: Path) -> None:
    if {".pkl", ".pickle"} & set(path.suffixes[-2:]):
        convert = f"pandas.read_pickle({path.name!r}).to_parquet('{path.stem}.parquet')"
        what = "a pickle can run any code when it is read, so it is not read here"
        raise BadInput(f"{path}: {what}; if you trust it, convert it: {convert}")


def _read_table(path: Path) -> Iterator[Attempt | Note]:
    with open_table(path) as table:
        models = _models(path, table.columns)
        costs = [m + _COST for m in models if m + _COST in table.columns]
        known = {*_FIXED, *models, *costs, *(m + _RESPONSE for m in models), _ORACLE}
        unknown = [c for c in table.columns if c not in known | ROW_NUMBERS | {"index"}]
        if unknown:
            yield Note(f"{path}: columns not read: {', '.join(unknown)}")
        for number, row in table.rows([*_FIXED, *models, *costs]):
            where = f"{path}: row {number}"
            try:
                attempts = list(_attempts(row, models, where))
            except ValueError as error:
                raise BadInput(f"{where}: {error}") from None
            yield from attempts


def _models(path: Path, columns: Sequence[str]) -> list[str]:
    for name in _FIXED:
        if name not in columns:
            raise BadInput(f"{path}: column {name!r} is missing")
    named = {
        column.removesuffix(suffix): column
        for column in columns
        for suffix in (_COST, _RESPONSE)
        if column.endswith(suffix)
    }
    for model, column in named.items():
        if model not in columns:
            raise BadInput(f"{path}: column {column!r} has no score column {model!r}")
    if not named:
        raise BadInput(f"{path}: no column MODEL{_COST}: no model in it")
    return list(named)


def _attempts(row: Row, models: Sequence[str], where: str) -> Iterator[Attempt]:
    query = text(_prompt(row["prompt"]), "prompt")
    dataset = text(row["eval_name"], "eval_name")
    index = None if row["sample_id"] in (None, "") else str(row["sample_id"])
    for model in models:
        cost = model + _COST
        yield Attempt(
            dataset=dataset,
            key=query,
            index=index,
            query=query,
            model=model,
            where=where,
            usage=Usage(cost_usd=amount(cell_number(row.get(cost), cost), cost)),
            score=score(cell_number(row[model], model), model),
            gap="no score",
        )


def _prompt(value: Any) -> Any:
    """A prompt that is a list of texts (as JSON, Python or Arrow) as one text."""
    parts = value
    if isinstance(value, str) and value.startswith("[") and value.rstrip()[-1] == "]":
        parts = _parsed_list(value)
    if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
        return "\n".join(parts)
    return value


def _parsed_list(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of escapes like "\d"
            warnings.simplefilter("ignore", DeprecationWarning)
            return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return value
