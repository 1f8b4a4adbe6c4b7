"""Fields of foreign records, checked; ValueError names the field."""

import json
import math
from typing import Any

from artifacts.record_line import identifier as plain_identifier
from artifacts.record_line import whole_number


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object; ValueError says what it is instead."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
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


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        duplicate = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"duplicate key {duplicate!r}")
    return result


def text(value: Any, name: str) -> str:
    """A string with something in it that UTF-8 can hold."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}: a non-empty string is needed")
    return _encodable(value, name)


def identifier(value: Any, name: str) -> str | None:
    """See `record_line.identifier`; it must be text that UTF-8 can hold."""
    known = plain_identifier(value)
    return None if known is None else _encodable(known, name)


def _encodable(value: str, name: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name}: lone surrogates are not text") from None
    return value


def mapping(value: Any, name: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise ValueError(f"{name}: an object is needed")
    return value


def score(value: Any, name: str) -> float | None:
    """A score in [0, 1]; None where there is none."""
    if value is None:
        return None
    number = float(value) if isinstance(value, bool) else _number(value, name)
    if not 0 <= number <= 1:
        raise ValueError(f"{name}: score {number:g} is outside [0, 1]")
    return number


def amount(value: Any, name: str) -> float | None:
    """Tokens or USD, not negative; None where unknown."""
    if value is None:
        return None
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
