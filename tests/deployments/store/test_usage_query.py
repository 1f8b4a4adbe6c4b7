"""Usage by day, model, tenant and key."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from deployments.store.usage_query import Page, UsageQuery, UsageRow
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import JULY, JUNE, MAY, record

ALL = UsageQuery(MAY, JULY)


@pytest.fixture
async def store(database):
    store = UsageStore(database, clock=lambda: JULY)
    await store.ingest(
        [
            record("use-1", MAY, cached_tokens=4),
            record("use-2", JUNE, model="large", cost_usd=1, cost_tier="gold"),
            record("use-3", JUNE, cost_usd=None, key_id="other", reasoning_tokens=2),
            record("use-4", JUNE, tenant="u", status="cancelled", prompt_tokens=None),
            record(
                "use-5", JUNE, model=None, status="failed", cost_usd=None,
                prompt_tokens=None, completion_tokens=None,
            ),
        ]
    )  # fmt: skip
    return store


async def table(store, *names, query=ALL):
    rows = await store.rows(replace(query, by=names))
    return [
        (*(getattr(row, name) for name in names), row.requests, row.cost_usd)
        for row in rows
    ]


async def test_one_row_for_all(store):
    assert await store.rows(ALL) == [
        UsageRow(
            requests=5,
            failures=1,
            cancelled=1,
            prompt_tokens=30,
            completion_tokens=20,
            cached_tokens=4,
            reasoning_tokens=2,
            unknown_tokens=2,
            cost_usd=1.5,
            unknown_cost=2,
            comparable=2,
            comparable_prompt_tokens=20,
            comparable_completion_tokens=10,
            comparable_cost_usd=1.25,
        )
    ]


async def test_by_model_and_a_sum_of_nothing_known_is_unknown(store):
    assert await table(store, "model") == [
        ("large", 1, 1.0),
        ("small", 3, 0.5),
        (None, 1, None),
    ]


async def test_by_tenant_key_and_tier(store):
    assert await table(store, "tenant") == [("t", 4, 1.25), ("u", 1, 0.25)]
    assert await table(store, "tenant", "key_id") == [
        ("t", "k", 3, 1.25),
        ("t", "other", 1, None),
        ("u", "k", 1, 0.25),
    ]
    assert await table(store, "cost_tier") == [("gold", 1, 1.0), (None, 4, 0.5)]


async def test_by_day_and_model(store):
    assert await table(store, "day", "model", query=replace(ALL, tenant="t")) == [
        (date(2026, 5, 1), "small", 1, 0.25),
        (date(2026, 6, 1), "large", 1, 1.0),
        (date(2026, 6, 1), "small", 1, None),
        (date(2026, 6, 1), None, 1, None),
    ]


@pytest.mark.parametrize(
    ("filters", "requests"),
    [
        ({"tenant": "t"}, 4),
        ({"tenant": "t", "key_id": "k"}, 3),
        ({"model": "large"}, 1),
        ({"start": JUNE}, 4),
        ({"end": JUNE}, 1),
        ({"tenant": "nobody"}, 0),
    ],
)
async def test_filters(store, filters, requests):
    [row] = await store.rows(replace(ALL, **filters))

    assert row.requests == requests


async def test_nothing_by_day_is_no_row(store):
    assert await table(store, "day", query=replace(ALL, tenant="nobody")) == []
    [row] = await store.rows(replace(ALL, tenant="nobody"))
    assert (row.cost_usd, row.comparable_cost_usd) == (None, 0)


async def test_days_are_those_of_the_time_zone(database):
    """In Berlin 2026-03-29 lasts from 23:00 to 22:00 UTC: 23 hours."""
    store = UsageStore(database)
    start = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    hours = [record(f"use-{n}", start + timedelta(hours=n)) for n in range(26)]
    await store.ingest(hours)
    query = UsageQuery(MAY - timedelta(days=100), JULY, timezone="Europe/Berlin")

    assert await table(store, "day", query=query) == [
        (date(2026, 3, 28), 1, 0.25),
        (date(2026, 3, 29), 23, 5.75),
        (date(2026, 3, 30), 2, 0.5),
    ]


async def test_years_of_days_are_told_apart(database):
    store = UsageStore(database)
    days = [JUNE - timedelta(days=n) for n in range(0, 3600, 100)]
    await store.ingest([record(f"use-{n}", at) for n, at in enumerate(days)])
    query = UsageQuery(JUNE - timedelta(days=10_000), JULY)

    assert len(await table(store, "day", query=query)) == 36
    await store.ingest([record("use-old", JUNE - timedelta(days=5000))])
    with pytest.raises(ValueError, match="5001 days are too many"):
        await table(store, "day", query=query)


async def test_a_time_zone_that_is_not_known(store):
    with pytest.raises(ValueError, match="'Mars/Base' is no time zone"):
        await table(store, "day", query=replace(ALL, timezone="Mars/Base"))


async def test_more_rows_than_are_wanted_are_not_made(store):
    query = replace(ALL, most_rows=4)

    assert len(await table(store, "model", "key_id", query=query)) == 4
    with pytest.raises(ValueError, match="there are more than 4 rows"):
        await table(store, "day", "model", "key_id", query=query)


async def test_a_page_is_of_the_first_tenants_by_id_that_follow(database):
    store = UsageStore(database)
    names = ["b", "B", "a", "c", "_"]
    await store.ingest([record(f"use-{name}", tenant=name) for name in names])
    await store.ingest([record("use-later", JULY, tenant="A")])

    async def page(*of) -> list[str | None]:
        query = replace(ALL, by=("day", "tenant"), page=Page(*of))
        return [row.tenant for row in await store.rows(query)]

    assert await page(3) == ["B", "_", "a"]
    assert await page(3, "a") == ["b", "c"]
    assert await page(3, "c") == []
