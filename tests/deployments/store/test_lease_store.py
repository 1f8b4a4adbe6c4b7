"""Open leases in SQL."""

from deployments.store.lease_store import LeaseStore


async def test_a_lease_is_kept_until_it_is_nothing(database):
    book = LeaseStore(database)
    await book.put([("g1", "t", 100, 0.25), ("g1", "t", 200, 1), ("g2", "t", 100, 2)])
    await book.put([("g2", "t", 100, 0), ("g1", "t", 100, 0.125)])

    assert sorted(await LeaseStore(database).all()) == [
        ("g1", "t", 100, 0.125),
        ("g1", "t", 200, 1.0),
    ]


async def test_what_is_out_of_some_tenants_and_periods(database):
    book = LeaseStore(database)
    for replica, tenant, period in (
        ("g1", "t", 100),
        ("g2", "t", 100),
        ("g1", "t", 200),
        ("g1", "u", 100),
        ("g1", "u", 200),
        ("g1", "v", 100),
    ):
        await book.put([(replica, tenant, period, 0.25)])

    found = await book.of([("t", 100), ("u", 200), ("w", 100)])
    assert found == {("t", 100): {"g1": 0.25, "g2": 0.25}, ("u", 200): {"g1": 0.25}}
    assert await book.of([]) == {}


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
