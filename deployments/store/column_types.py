"""How our values lie in a database: moments, money, documents."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

NANO = 10**9
# What is beyond is nonsense (a million USD for a request), and would break sums.
_MOST = 10**15

# `JSON` in SQLite; PostgreSQL keeps it parsed.
Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: with its zone in PostgreSQL, in UTC without one in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """A moment without a zone is a mistake of ours: ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} names no time zone")
        at = value.astimezone(UTC)
        return at if dialect.name == "postgresql" else at.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Always with the zone UTC."""
        if value is None:
            return None
        at: datetime = value
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def to_nano(usd: float | None) -> int | None:
    """Whole nano-USD, so that sums are exact; None for what is no sane number."""
    if usd is None or not abs(usd) * NANO <= _MOST:
        return None
    return round(usd * NANO)


def to_usd(nano: int | None) -> float | None:
    """The inverse, as near as a float is."""
    return None if nano is None else nano / NANO


def to_count(number: int | None) -> int | None:
    """None for nonsense, which an upstream may report."""
    return number if number is None or abs(number) <= _MOST else None


def to_text(text: str | None) -> str | None:
    """Without the one character that PostgreSQL refuses: a client may have sent it."""
    return text if text is None else text.replace("\0", "\ufffd")
