"""From when to when, and by what: the words of a usage query."""

from datetime import UTC, datetime, timedelta
from typing import get_args

from deployments.budget_period import period_of, zone
from deployments.store.usage_query import Dimension
from deployments.tenancy import TenantConfig

DAYS = 30  # looked back where nothing is said
MOST_DAYS = 3660
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)  # on that day the calendar of zones ends
_DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)


def moment(text: str, timezone: str) -> datetime:
    """`2026-06-01`, an ISO time or a unix time, in UTC; ValueError for all else.

    Where it names no zone it is of `timezone`. Before 1970 nothing was used, and UTC's
    first and last days are not to be had in all zones.
    """
    try:
        if text.isdecimal() and len(text) > len("20260601"):
            at = datetime.fromtimestamp(int(text), UTC)
        else:
            at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone(timezone))
        at = at.astimezone(UTC)
        if not _EARLIEST <= at <= _LATEST:
            raise ValueError
        return at
    except (ValueError, OverflowError, OSError):
        what = "a date (2026-06-01), a time (2026-06-01T12:00:00Z) or a unix time"
        raise ValueError(f"it must be {what} from 1970 on, not {text!r}") from None


def dimensions(
    text: str, allowed: tuple[Dimension, ...] = _DIMENSIONS
) -> tuple[Dimension, ...]:
    """`day,model`; ValueError names what there is. Empty = one row for all."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = {str(name): name for name in allowed}
    if len(set(names)) < len(names) or not set(names) <= known.keys():
        raise ValueError(f"it must be some of {', '.join(allowed)}, not {text!r}")
    return tuple(known[name] for name in names)


def last_days(end: datetime, timezone: str) -> datetime:
    """The beginning of the first of the 30 days up to `end`, which is not in them."""
    last = (end - timedelta.resolution).astimezone(zone(timezone))
    first = last - timedelta(days=DAYS - 1)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return midnight.astimezone(UTC)


def current_span(
    tenant: TenantConfig, now: datetime, timezone: str
) -> tuple[datetime, datetime]:
    """The tenant's budget period as it is now; without a budget the last 30 days, of
    `timezone`."""
    if tenant.max_budget is None and tenant.soft_budget is None:
        return last_days(now, timezone), now
    period = period_of(now, tenant.budget_duration, tenant.budget_timezone)
    return period.start, period.end
