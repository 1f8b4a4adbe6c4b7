"""A usage record as a row, and back; and what it adds to its tenant's spend."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from deployments.store.column_types import NANO, to_count, to_nano, to_text, to_usd
from deployments.store.usage_query import Charge
from deployments.usage.record import UsageRecord

Row = Mapping[Any, Any]  # by column name

_USD = {"cost_usd": "cost_nusd", "shadow_cost_usd": "shadow_cost_nusd"}
_USD_OR_ZERO = {
    "failed_cost_usd": "failed_cost_nusd",
    "reserved_usd": "reserved_nusd",
}
_QUARTER_S = 900
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Sums:
    """What is to be added to a row of spend."""

    cost_nusd: int = 0
    requests: int = 0
    unknown_cost: int = 0
    unknown_reserved_nusd: int = 0

    def add(self, row: Row, sign: int) -> None:
        """Count one record in (1) or out (-1)."""
        self.requests += sign
        if row["cost_nusd"] is None:
            self.unknown_cost += sign
            self.unknown_reserved_nusd += sign * row["reserved_nusd"]
        else:
            self.cost_nusd += sign * row["cost_nusd"]


def row_of(record: UsageRecord) -> dict[str, Any]:
    """Whatever a client or an upstream said, both databases take it.

    ValueError if a value is not of the field's type, or `at` is beyond any calendar.
    """
    row: dict[str, Any] = {}
    try:
        for name, column, clean in _columns():
            value = getattr(record, name)
            row[column] = value if clean is None else clean(value)
    except (AttributeError, TypeError):
        raise ValueError(f"record {record.id}: {name} is of another type") from None
    try:
        row["at"] = _FIRST + timedelta(seconds=record.at)
    except (OverflowError, TypeError):
        raise ValueError(f"record {record.id}: no such time: {record.at}") from None
    return row


@cache
def _columns() -> tuple[tuple[str, str, Callable[[Any], Any] | None], ...]:
    """Of each field its name, its column's, and what makes both databases take it."""
    found: list[tuple[str, str, Callable[[Any], Any] | None]] = []
    for name, kind in get_type_hints(UsageRecord).items():
        if name in _USD:
            found.append((name, _USD[name], to_nano))
        elif name in _USD_OR_ZERO:
            found.append((name, _USD_OR_ZERO[name], _to_nano_or_zero))
        elif name in _LISTS:
            found.append((name, name, _LISTS[name]))
        else:
            found.append((name, name, _clean_of(kind)))
    return tuple(found)


def _clean_of(kind: Any) -> Callable[[Any], Any] | None:
    kinds = get_args(kind) or (kind,)
    if str in kinds or get_origin(kind) is Literal:
        return to_text
    return to_count if int in kinds else None


def _to_nano_or_zero(usd: float) -> int:
    return to_nano(usd) or 0


def _to_texts(texts: Iterable[str]) -> list[str | None]:
    return [to_text(text) for text in texts]


def record_of(row: Row) -> UsageRecord:
    """The inverse, within a microsecond and a nano-dollar."""
    values = dict(row)
    for name, column in {**_USD, **_USD_OR_ZERO}.items():
        values[name] = to_usd(values.pop(column))
    for name in _LISTS:
        values[name] = tuple(values[name])
    values["at"] = _seconds(values["at"])
    return UsageRecord(**values)


def quarter_of(at: datetime) -> datetime:
    """The beginning of its quarter of an hour."""
    seconds = (at - _FIRST) // timedelta(seconds=1)
    return _FIRST + timedelta(seconds=seconds - seconds % _QUARTER_S)


def spend_of(added: Iterable[Row], removed: Iterable[Row]) -> list[dict[str, Any]]:
    """What to add to spend, a row for each tenant and quarter, in a fixed order."""
    sums: dict[tuple[str, datetime], Sums] = defaultdict(Sums)
    for sign, rows in ((1, added), (-1, removed)):
        for row in rows:
            sums[row["tenant"], quarter_of(row["at"])].add(row, sign)
    return [
        {
            "tenant": tenant,
            "quarter": quarter,
            **{field.name: getattr(total, field.name) for field in fields(total)},
        }
        for (tenant, quarter), total in sorted(sums.items(), key=lambda item: item[0])
    ]


def charges_of(added: Iterable[Row], removed: Iterable[Row]) -> tuple[Charge, ...]:
    """The same by record, for budgets: while its cost is unknown, what was reserved."""
    old = {row["id"]: row for row in removed}
    charges = []
    for new in added:
        nano, before = _counted(new), old.get(new["id"])
        if before is not None and _place(before) == _place(new):
            nano -= _counted(before)
        elif before is not None:
            charges.append(Charge(*_place(before), -_counted(before) / NANO))
        charges.append(Charge(*_place(new), nano / NANO))
    return tuple(charges)


def _place(row: Row) -> tuple[str, str, float]:
    return row["tenant"], row["replica"], _seconds(row["at"])


def _counted(row: Row) -> int:
    cost = row["cost_nusd"]
    nano: int = row["reserved_nusd"] if cost is None else cost
    return nano


def _seconds(at: datetime) -> float:
    return (at - _FIRST) / timedelta(seconds=1)


# Both databases keep what is in a document.
_LISTS: dict[str, Callable[[Any], Any]] = {"failures": _to_texts, "clusters": list}
