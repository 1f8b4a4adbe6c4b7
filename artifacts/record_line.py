"""One line of a records file, checked field by field."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from artifacts.json_values import (
    finite_number,
    identifier,
    non_negative,
    text,
    unique_keys,
    whole_number,
)
from artifacts.token_price import TokenPrice

NAN = float("nan")


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
            object_pairs_hook=unique_keys,
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


class _NotJson(str):
    """NaN, Infinity or -Infinity, until it is known in which field."""


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
        text(model, f"{name}: model name")
    return value


def _text(data: dict[str, Any], name: str) -> str:
    return text(data.get(name), name)


def _cell(model: str, score: Any, usage: Any, price: TokenPrice | None) -> Cell:
    value = finite_number(score, f"records.{model}")
    if not 0 <= value <= 1:
        raise ValueError(f"records.{model}: score {value:g} is outside [0, 1]")
    if not isinstance(usage, dict):
        raise ValueError(f"usages.{model}: missing")
    tokens = [
        NAN
        if usage.get(name) is None
        else non_negative(usage[name], f"usages.{model}.{name}")
        for name in ("prompt_tokens", "completion_tokens")
    ]
    if usage.get("cost") is not None:
        cost = non_negative(usage["cost"], f"usages.{model}.cost")
    elif price is not None and not any(map(math.isnan, tokens)):
        cost = tokens[0] * price.input_usd + tokens[1] * price.output_usd
    else:
        raise ValueError(
            f"usages.{model}.cost: missing, and not both tokens and a price are known"
        )
    return Cell(value, cost, *tokens)
