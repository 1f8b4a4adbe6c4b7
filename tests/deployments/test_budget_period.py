"""When a budget begins anew."""

from datetime import UTC, datetime

import pytest

from deployments.budget_period import Period, period_of, zone


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "timezone", "at", "period"),
    [
        ("1d", "UTC", "2026-05-07 23:59", "2026-05-07/2026-05-08"),
        ("1d", "UTC", "2026-05-08", "2026-05-08/2026-05-09"),
        # Thursday 2026-05-07 is in the week of Monday the 4th.
        ("7d", "UTC", "2026-05-07 12:00", "2026-05-04/2026-05-11"),
        ("7d", "UTC", "2026-05-11", "2026-05-11/2026-05-18"),
        ("1mo", "UTC", "2026-12-31 23:59", "2026-12-01/2027-01-01"),
        ("1mo", "UTC", "2028-02-29", "2028-02-01/2028-03-01"),
        ("30d", "UTC", "1970-01-30 23:59", "1970-01-01/1970-01-31"),
        ("30d", "UTC", "2026-05-07", "2026-05-07/2026-06-06"),
        # East of Greenwich the day has begun already, west of it not yet.
        (
            "1d",
            "Asia/Kathmandu",
            "2026-05-07 19:00",
            "2026-05-07 18:15/2026-05-08 18:15",
        ),
        ("1mo", "America/New_York", "2026-05-01", "2026-04-01 04:00/2026-05-01 04:00"),
        # The clocks change: a day of 23 hours, and one of 25.
        (
            "1d",
            "Europe/Berlin",
            "2026-03-29 12:00",
            "2026-03-28 23:00/2026-03-29 22:00",
        ),
        (
            "1d",
            "Europe/Berlin",
            "2026-10-25 12:00",
            "2026-10-24 22:00/2026-10-25 23:00",
        ),
        # In Cairo the clocks go forward at midnight: that day has no 00:00.
        ("1d", "Africa/Cairo", "2026-04-24 12:00", "2026-04-23 22:00/2026-04-24 21:00"),
    ],
)
def test_periods(duration, timezone, at, period):
    found = period_of(utc(at), duration, timezone)

    assert found == Period(*map(utc, period.split("/")))


@pytest.mark.parametrize("duration", ["1d", "7d", "30d", "1mo"])
@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def test_each_period_begins_where_the_last_one_ended(duration, timezone):
    period = period_of(utc("2025-12-31"), duration, timezone)
    while period.start < utc("2027-01-01"):
        after = period_of(period.end, duration, timezone)
        assert after.start == period.end
        assert after.start.timestamp() % 900 == 0
        period = after


@pytest.mark.parametrize("name", ["", "Mars/Base", "/etc/passwd", "../UTC", "a\0b"])
def test_zones_that_there_are_not(name):
    with pytest.raises(ValueError, match="is no time zone"):
        zone(name)
