"""Open leases in SQL."""

from datetime import UTC, datetime

from deployments.budget_period import Period
from deployments.store.lease_store import LeaseStore
from deployments.store.usage_query import Spend
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import record

MAY = Period(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


async def test_a_lease_is_kept_until_it_is_nothing(database):
    book = LeaseStore(database)
    await book.put([("g1", "t", 100, 0.25), ("g1", "t", 200, 1), ("g2", "t", 100, 2)])
    await book.put([("g2", "t", 100, 0), ("g1", "t", 100, 0.125)])

    assert sorted(await LeaseStore(database).all()) == [
        ("g1", "t", 100, 0.125),
        ("g1", "t", 200, 1.0),
    ]


async def test_what_is_out_and_spent_of_some_tenants_and_periods(database):
    book, usage = LeaseStore(database), UsageStore(database)
    for replica, tenant, period in (
        ("g1", "t", JUNE),
        ("g2", "t", JUNE),
        ("g1", "t", MAY),
        ("g1", "u", JUNE),
        ("g1", "u", MAY),
        ("g1", "v", JUNE),
    ):
        await book.put([(replica, tenant, period.start.timestamp(), 0.25)])
    made = [("t", JUNE, 1), ("t", MAY, 2), ("u", JUNE, 4), ("u", MAY, 8), ("v", MAY, 9)]
    await usage.ingest(
        [
            record(id=f"{name}-{usd}", tenant=name, at=period.start, cost_usd=usd)
            for name, period, usd in made
        ]
    )
    june, may = (int(period.start.timestamp()) for period in (JUNE, MAY))

    assert await book.read({("t", june): JUNE, ("u", may): MAY, ("w", june): JUNE}) == {
        ("t", june): ({"g1": 0.25, "g2": 0.25}, Spend(1, 1)),
        ("u", may): ({"g1": 0.25}, Spend(8, 1)),
        ("w", june): ({}, Spend()),
    }
    assert await book.read({}) == {}


async def test_what_a_replica_holds_ends_of_some_tenants_or_of_all(database):
    book = LeaseStore(database)
    for replica, tenant in (("g1", "t"), ("g2", "t"), ("g1", "u"), ("g1", "v")):
        await book.put([(replica, tenant, 100, 0.25)])

    await book.end("g1", [])
    assert len(await book.all()) == 4
    await book.end("g1", ["t", "u", "w"])
    assert sorted(lease[:2] for lease in await book.all()) == [("g1", "v"), ("g2", "t")]
    await book.end("g1", None)
    assert await book.all() == [("g2", "t", 100, 0.25)]
