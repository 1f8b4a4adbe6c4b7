"""Values of JSON that others have written, checked; ValueError names the field."""

import math
from typing import Any


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which no key stands twice."""
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        duplicate = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"duplicate key {duplicate!r}")
    return result


def whole_number(digits: str) -> int | float:
    """As JSON reads it; infinity if it has more digits than Python turns into a number
    (4,300), so that the check of its field refuses it by name."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def finite_number(value: Any, name: str) -> float:
    """A number, and not a truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: a number is needed")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name}: a finite number is needed")
    return number


def non_negative(value: Any, name: str) -> float:
    """Tokens or USD."""
    number = finite_number(value, name)
    if number < 0:
        raise ValueError(f"{name}: {number:g} is negative")
    return number


def text(value: Any, name: str) -> str:
    """A string with something in it that UTF-8 can hold."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}: a non-empty string is needed")
    return encodable(value, name)


def encodable(value: str, name: str) -> str:
    """A string that UTF-8 can hold."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name}: lone surrogates are not text") from None
    return value


def identifier(index: Any) -> str | None:
    """Whatever a source numbers its queries with, as text; None where it does not."""
    if isinstance(index, float) and not math.isfinite(index):
        raise ValueError("index: a finite number is needed")
    return None if index is None else str(index)
