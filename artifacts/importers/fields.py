"""Fields of foreign records, checked; ValueError names the field."""

import json
import math
from typing import Any

from artifacts.json_values import (
    encodable,
    finite_number,
    non_negative,
    unique_keys,
    whole_number,
)
from artifacts.json_values import identifier as plain_identifier

_MISSING = {"", "nan", "NaN", "null", "None"}


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object; ValueError says what it is instead."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=unique_keys,
            parse_int=whole_number,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise ValueError(f"not JSON: {error.msg} at {place}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def identifier(value: Any, name: str) -> str | None:
    """See `json_values.identifier`; it must be text that UTF-8 can hold."""
    known = plain_identifier(value)
    return None if known is None else encodable(known, name)


def mapping(value: Any, name: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise ValueError(f"{name}: an object is needed")
    return value


def score(value: Any, name: str) -> float | None:
    """A score in [0, 1]; None where there is none."""
    if value is None:
        return None
    number = float(value) if isinstance(value, bool) else finite_number(value, name)
    if not 0 <= number <= 1:
        raise ValueError(f"{name}: score {number:g} is outside [0, 1]")
    return number


def amount(value: Any, name: str) -> float | None:
    """Tokens or USD, not negative; None where unknown."""
    return None if value is None else non_negative(value, name)


def cell_number(value: Any, column: str) -> float | None:
    """A table's cell as a number; None where it is missing, as pandas writes that."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        if value.strip() in _MISSING:
            return None
        try:
            return float({"True": "1", "False": "0"}.get(value, value))
        except ValueError:
            raise ValueError(f"{column}: {value[:40]!r} is not a number") from None
    if not isinstance(value, int | float):
        raise ValueError(f"{column}: a number is needed")
    return float(value)
