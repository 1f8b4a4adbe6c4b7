"""A usage query as SQL."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    cast,
    collate,
    column,
    func,
    select,
    values,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.budget_period import zone
from deployments.store.column_types import UtcDateTime, to_usd
from deployments.store.tables import usage_records
from deployments.store.usage_query import Page, UsageQuery, UsageRow

_MOST_DAYS = 3700
_ONE_DAY = timedelta(days=1)
_record = usage_records.c


def condition(query: UsageQuery) -> ColumnElement[bool]:
    """Which records a query is about."""
    wanted = {"tenant": query.tenant, "key_id": query.key_id, "model": query.model}
    return and_(
        _record.at >= query.start,
        _record.at < query.end,
        *(
            _record[name] == value
            for name, value in wanted.items()
            if value is not None
        ),
    )


async def read_rows(connection: AsyncConnection, query: UsageQuery) -> list[UsageRow]:
    """ValueError for a time zone that is not known, for more than ten years of days, or
    for more rows than the query allows.

    One row for all, even of nothing, where no dimension is asked for.
    """
    groups: list[ColumnElement[Any]]
    groups = [_record[name] for name in query.by if name != "day"]
    statement = select(*groups, *_sums()).where(condition(query))
    if query.page is not None:
        tenants = _tenants(connection, query, query.page)
        statement = statement.where(_record.tenant.in_(tenants))
    days: list[tuple[date, datetime, datetime]] = []
    if "day" in query.by:
        days = await _days(connection, query)
        if not days:
            return []
        table = _table(days)
        within = (_record.at >= table.c.start_at) & (_record.at < table.c.end_at)
        statement = statement.add_columns(table.c.day).join_from(
            table, usage_records, within
        )
        groups.append(table.c.day)
    most, statement = query.most_rows, statement.group_by(*groups)
    if most is not None:
        statement = statement.limit(most + 1)
    found = (await connection.execute(statement)).mappings().all()
    if most is not None and len(found) > most:
        raise ValueError(f"there are more than {most:,} rows: ask for less at a time")
    rows = [_row(dict(row), days) for row in found]
    return sorted(rows, key=lambda row: _place(row, query.by))


def _tenants(connection: AsyncConnection, query: UsageQuery, page: Page) -> Select[str]:
    # In the same order everywhere, whatever the database's language.
    bytewise = "C" if connection.dialect.name == "postgresql" else "BINARY"
    tenant = collate(_record.tenant, bytewise)
    following = select(tenant).where(condition(query), tenant > page.after)
    return following.distinct().order_by(tenant).limit(page.limit)


def _sums() -> list[ColumnElement[Any]]:
    no_tokens = _record.prompt_tokens.is_(None) | _record.completion_tokens.is_(None)
    comparable = ~no_tokens & _record.cost_nusd.is_not(None)
    tokens = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
    return [
        func.count().label("requests"),
        _count(_record.status == "failed").label("failures"),
        _count(_record.status == "cancelled").label("cancelled"),
        *(_sum(_record[name]).label(name) for name in tokens),
        _count(no_tokens).label("unknown_tokens"),
        _sum(_record.cost_nusd).label("cost_usd"),
        _count(_record.cost_nusd.is_(None)).label("unknown_cost"),
        _count(comparable).label("comparable"),
        *(
            func.coalesce(_sum(case((comparable, _record[name]))), 0).label(label)
            for name, label in (
                ("prompt_tokens", "comparable_prompt_tokens"),
                ("completion_tokens", "comparable_completion_tokens"),
                ("cost_nusd", "comparable_cost_usd"),
            )
        ),
    ]


def _sum(of: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.sum(of), BigInteger)


def _count(of: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((of, 1)))


async def _days(
    connection: AsyncConnection, query: UsageQuery
) -> list[tuple[date, datetime, datetime]]:
    """The days on which there are records, from the first to the last."""
    local = zone(query.timezone)
    ends = select(func.min(_record.at), func.max(_record.at)).where(condition(query))
    first, last = (await connection.execute(ends)).one()
    if first is None:
        return []
    start = first.astimezone(local).date()
    number = (last.astimezone(local).date() - start).days + 1
    if number > _MOST_DAYS:
        raise ValueError(f"{number} days are too many to tell apart")
    days = [start + n * _ONE_DAY for n in range(number + 1)]
    marks = [datetime.combine(day, time(), local).astimezone(UTC) for day in days]
    return list(zip(days, marks, marks[1:], strict=False))


def _table(days: Sequence[tuple[date, datetime, datetime]]) -> CTE:
    columns = (
        column("day", Integer),
        column("start_at", UtcDateTime),
        column("end_at", UtcDateTime),
    )
    rows = [(number, start, end) for number, (_, start, end) in enumerate(days)]
    return values(*columns, name="days").data(rows).cte("days")


def _row(
    row: dict[str, Any], days: Sequence[tuple[date, datetime, datetime]]
) -> UsageRow:
    for name in ("cost_usd", "comparable_cost_usd"):
        row[name] = to_usd(row[name])
    if "day" in row:
        row["day"] = days[row["day"]][0]
    return UsageRow(**row)


def _place(row: UsageRow, by: Sequence[str]) -> tuple[tuple[bool, Any], ...]:
    """None sorts last."""
    return tuple(
        (value is None, "" if value is None else value)
        for value in (getattr(row, name) for name in by)
    )
