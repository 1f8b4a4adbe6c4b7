"""Open leases in SQL."""

from deployments.store.lease_book import LeaseBook


async def test_a_lease_is_kept_until_it_is_nothing(database):
    book = LeaseBook(database)
    await book.put("g1", "t", 100, 0.25)
    await book.put("g1", "t", 200, 1)
    await book.put("g2", "t", 100, 2)
    await book.put("g1", "t", 100, 0.125)
    await book.put("g2", "t", 100, 0)

    assert sorted(await LeaseBook(database).all()) == [
        ("g1", "t", 100, 0.125),
        ("g1", "t", 200, 1.0),
    ]
