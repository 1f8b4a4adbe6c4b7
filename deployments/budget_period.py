"""When a budget begins anew: calendar periods in a tenant's time zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

BudgetDuration = Literal["1d", "7d", "30d", "1mo"]

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (in it) to `end` (not in it), both in UTC."""

    start: datetime
    end: datetime


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name; ValueError where there is none of that name."""
    if name == "UTC":
        return UTC  # known even where the system has no time zone database
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"{name!r} is no time zone that this system knows") from None


def period_of(at: datetime, duration: BudgetDuration, timezone: str = "UTC") -> Period:
    """The period in which `at` (with a zone) lies.

    1d begins at local midnight, 7d on Monday, 1mo on the first of the month, and 30d
    every 30 days, counted from 1970-01-01.
    """
    local = zone(timezone)
    first, last = _days(at.astimezone(local).date(), duration)
    return Period(_midnight(first, local), _midnight(last, local))


def _days(day: date, duration: BudgetDuration) -> tuple[date, date]:
    if duration == "1mo":
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    if duration == "7d":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    days = 30 if duration == "30d" else 1
    start = day - timedelta(days=(day - _EPOCH).days % days)
    return start, start + timedelta(days=days)


def _midnight(day: date, local: tzinfo) -> datetime:
    return datetime.combine(day, time(), local).astimezone(UTC)
