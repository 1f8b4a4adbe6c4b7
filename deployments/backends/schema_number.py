"""A number that a JSON schema allows."""

from math import ceil, floor, inf
from typing import Any

_Schema = dict[str, Any]


def number(schema: _Schema, *, whole: bool) -> float | None:
    """1 where that fits, else what is next to a bound, or between the two; None where
    nothing does. What is no schema raises what reading it does."""
    low = max(schema.get("minimum", -inf), schema.get("exclusiveMinimum", -inf))
    high = min(schema.get("maximum", inf), schema.get("exclusiveMaximum", inf))
    step = schema.get("multipleOf", 1)
    tried = [1, step, 0]
    if low > -inf:
        tried += [ceil(low / step) * step, floor(low / step) * step + step]
    if high < inf:
        tried += [floor(high / step) * step, ceil(high / step) * step - step]
    if low > -inf and high < inf:
        tried.append((low + high) / 2)
    for value in tried:
        if _fits(value, schema) and (not whole or value == int(value)):
            return int(value) if whole else float(value)
    return None


def _fits(value: float, schema: _Schema) -> bool:
    steps = value / schema.get("multipleOf", value or 1)
    return bool(
        schema.get("minimum", -inf) <= value <= schema.get("maximum", inf)
        and value > schema.get("exclusiveMinimum", -inf)
        and value < schema.get("exclusiveMaximum", inf)
        and abs(steps - round(steps)) < 1e-9
    )
