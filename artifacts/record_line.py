"""One line of a records file, checked field by field."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """USD per token, to estimate a cost that a record does not state."""

    input_usd: float
    output_usd: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one query."""

    score: float
    cost_usd: float
    prompt_tokens: float
    completion_tokens: float


@dataclass(frozen=True, slots=True)
class Record:
    """One line: a query and what each model made of it."""

    query: str
    dataset: str
    index: str | None
    cells: dict[str, Cell]


def parse_record(line: bytes, prices: Mapping[str, TokenPrice]) -> Record:
    """One line as a Record; ValueError says which field is wrong."""
    data = _parsed(line)
    scores = _object(data, "records")
    usages = _object(data, "usages")
    if not scores:
        raise ValueError("records: no model")
    for model in usages:
        if model not in scores:
            raise ValueError(f"usages.{model}: no score of this model in records")
    cells = {
        model: _cell(model, score, usages.get(model), prices.get(model))
        for model, score in scores.items()
    }
    return Record(
        query=_text(data, "query"),
        dataset=_text(data, "dataset") if "dataset" in data else "default",
        index=identifier(data.get("index")),
        cells=cells,
    )


def _parsed(line: bytes) -> dict[str, Any]:
    constants: list[_NotJson] = []

    def keep(name: str) -> _NotJson:
        constants.append(_NotJson(name))
        return constants[-1]

    try:
        data = json.loads(
            line.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=keep,
            parse_int=whole_number,
        )
        if constants:
            _refuse_constants(data)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not a record: nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    return data


def whole_number(digits: str) -> int | float:
    """As JSON reads it; infinity if it has more digits than Python turns into a number
    (4,300), so that the check of its field refuses it by name."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def identifier(index: Any) -> str | None:
    """Whatever a source numbers its queries with, as text; None where it does not."""
    if isinstance(index, float) and not math.isfinite(index):
        raise ValueError("index: a finite number is needed")
    return None if index is None else str(index)


class _NotJson(str):
    """NaN, Infinity or -Infinity, until it is known in which field."""


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        duplicate = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"duplicate key {duplicate!r}")
    return result


def _refuse_constants(value: Any, field: str = "") -> None:
    if isinstance(value, _NotJson):
        raise ValueError(f"{field or 'line'}: {value} is not a number that JSON allows")
    parts: list[tuple[object, Any]] = []
    if isinstance(value, dict):
        parts = [*value.items()]
    elif isinstance(value, list):
        parts = [*enumerate(value)]
    for name, part in parts:
        _refuse_constants(part, f"{field}.{name}" if field else str(name))


def _object(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"{name}: an object of model names is needed")
    for model in value:
        _check_text(model, f"{name}: model name")
    return value


def _text(data: dict[str, Any], name: str) -> str:
    return _check_text(data.get(name), name)


def _check_text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}: a non-empty string is needed")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name}: lone surrogates are not text") from None
    return value


def _cell(model: str, score: Any, usage: Any, price: TokenPrice | None) -> Cell:
    value = _number(score, f"records.{model}")
    if not 0 <= value <= 1:
        raise ValueError(f"records.{model}: score {value:g} is outside [0, 1]")
    if not isinstance(usage, dict):
        raise ValueError(f"usages.{model}: missing")
    tokens = [
        NAN
        if usage.get(name) is None
        else _amount(usage[name], f"usages.{model}.{name}")
        for name in ("prompt_tokens", "completion_tokens")
    ]
    if usage.get("cost") is not None:
        cost = _amount(usage["cost"], f"usages.{model}.cost")
    elif price is not None and not any(map(math.isnan, tokens)):
        cost = tokens[0] * price.input_usd + tokens[1] * price.output_usd
    else:
        raise ValueError(
            f"usages.{model}.cost: missing, and not both tokens and a price are known"
        )
    return Cell(value, cost, *tokens)


def _amount(value: Any, name: str) -> float:
    number = _number(value, name)
    if number < 0:
        raise ValueError(f"{name}: {number:g} is negative")
    return number


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: a number is needed")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name}: a finite number is needed")
    return number
