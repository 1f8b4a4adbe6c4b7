"""Sums of usage as people read them, and what another model would have cost."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_args

from deployments.catalog import Price
from deployments.store.usage_query import Dimension, UsageQuery, UsageRow

_DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
_NOTHING = UsageRow(0, 0, 0, None, None, None, None, 0, None, 0, 0, 0, 0, 0.0)


@dataclass(frozen=True, slots=True)
class Reference:
    """The model that savings are counted against; its price may be unknown."""

    model: str
    price: Price


ReferenceOf = Callable[[UsageRow], Reference | None]


def usage_report(
    query: UsageQuery, rows: Sequence[UsageRow], reference: Reference | None
) -> dict[str, Any]:
    """JSON of the rows and of their total. Unknown is null, never 0."""
    return {
        **compared_report(query, rows, lambda _: reference),
        "reference_model": reference.model if reference else None,
    }


def compared_report(
    query: UsageQuery, rows: Sequence[UsageRow], reference_of: ReferenceOf
) -> dict[str, Any]:
    """The same, where each row may have a reference of its own."""
    shown = [_figures(row, reference_of(row)) for row in rows]
    whole = _figures(total(rows), None)
    whole["savings"] = _summed([row["savings"] for row in shown]) or whole["savings"]
    return {
        "object": "usage",
        "start": query.start.isoformat(),
        "end": query.end.isoformat(),
        "timezone": query.timezone,
        "by": list(query.by),
        "data": [
            _dimensions(row, query.by) | figures
            for row, figures in zip(rows, shown, strict=True)
        ],
        "total": whole,
    }


def total(rows: Sequence[UsageRow]) -> UsageRow:
    """All rows as one; a sum of which nothing is known stays unknown."""
    summed = _NOTHING
    names = [each.name for each in fields(UsageRow) if each.name not in _DIMENSIONS]
    for row in rows:
        added: dict[str, Any] = {
            name: _add(getattr(summed, name), getattr(row, name)) for name in names
        }
        summed = replace(summed, **added)
    return summed


def _add(a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return round(a + b, 9)  # money is in whole nano-USD, and so is its sum


def _dimensions(row: UsageRow, by: Sequence[Dimension]) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(row, name) for name in by}
    if row.day is not None:
        values["day"] = row.day.isoformat()
    return values


def _figures(row: UsageRow, reference: Reference | None) -> dict[str, Any]:
    values = asdict(row)
    shown = {
        name: value
        for name, value in values.items()
        if name not in _DIMENSIONS and not name.startswith("comparable")
    }
    return {**shown, "savings": _savings(row, reference)}


def _summed(savings: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Of the rows that have a reference; None if none has."""
    known = [each for each in savings if each["savings_usd"] is not None]
    if not known:
        return None
    sums = {
        name: sum(each[name] for each in known)
        for name in ("requests", "cost_usd", "reference_cost_usd", "savings_usd")
    }
    return {"estimate": True, **sums}


def _savings(row: UsageRow, reference: Reference | None) -> dict[str, Any]:
    """Of `requests`: those whose cost and tokens are known.

    An estimate: another model would have answered with other tokens.
    """
    reference_usd = None
    if reference is not None and row.comparable:
        reference_usd = reference.price.cost_usd(
            row.comparable_prompt_tokens, row.comparable_completion_tokens
        )
    saved_usd = None
    if reference_usd is not None:
        saved_usd = reference_usd - row.comparable_cost_usd
    return {
        "estimate": True,
        "requests": row.comparable,
        "cost_usd": row.comparable_cost_usd if row.comparable else None,
        "reference_cost_usd": reference_usd,
        "savings_usd": saved_usd,
    }
