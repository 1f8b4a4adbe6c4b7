"""Rates and places: what the book hands out beside budgets."""

import pytest

from deployments.limits.ledger_protocol import Ask, Resource, Return
from tests.deployments.limits.book_world import NOON
from tests.deployments.store.made import tenant


async def test_limits_are_of_the_tenant_and_of_each_key(world):
    key = {"sha256": "0" * 64, "id": "k", "rpm_limit": 1}
    world.know(tenant(rpm_limit=2, keys=[key]))

    assert (await world.lease(1, kind="rpm", key_id="k")).amount == 1
    assert (await world.lease(1, kind="rpm", key_id="k")).amount == 0
    assert (await world.lease(2, kind="rpm")).amount == 2
    other = Resource("rpm", "t", "other")
    assert await world.book.lease([("a", Ask(other, 1))]) == [None]


async def test_a_refusal_tells_when_there_is_more(world):
    world.know(tenant(rpm_limit=2))
    granted = await world.lease(2, kind="rpm")
    world.now += 10
    refused = await world.lease(1, kind="rpm")

    assert refused.amount == 0
    assert refused.resets_at == granted.resets_at == NOON.timestamp() + 61


async def test_places_of_a_replica_that_is_silent_are_free(world):
    world.know(tenant(max_parallel_requests=2))
    await world.lease(2, kind="parallel")
    for _ in range(7):
        world.now += 10
        world.book.heard_of("b")

    assert (await world.lease(2, "b", kind="parallel")).amount == 2


@pytest.mark.parametrize("by_s", [90, -7200])
async def test_a_clock_that_is_set_frees_no_place_that_is_in_use_and_keeps_none(
    world, by_s
):
    """So it is while the Ledger stands still, or is cut off from its replicas."""
    world.know(tenant(max_parallel_requests=2))
    await world.lease(2, kind="parallel")
    world.now += by_s
    world.book.heard_of("b")
    assert (await world.lease(1, "b", kind="parallel")).amount == 0

    for _ in range(7):
        world.now += 10
        world.book.heard_of("b")
    assert (await world.lease(2, "b", kind="parallel")).amount == 2


async def test_places_of_a_replica_that_is_closed_are_free(world):
    world.know(tenant(max_parallel_requests=2))
    await world.lease(2, kind="parallel")
    await world.book.close_replica("a")

    assert (await world.lease(2, "b", kind="parallel")).amount == 2


async def test_a_number_of_places_that_is_changed_counts_at_once(world):
    world.know(tenant(max_parallel_requests=2))
    await world.lease(2, kind="parallel")
    world.know(tenant(max_parallel_requests=3))
    assert (await world.lease(1, "b", kind="parallel")).amount == 1

    world.know(tenant(max_parallel_requests=1))
    assert (await world.lease(1, "c", kind="parallel")).amount == 0


async def test_places_that_a_replica_holds_no_more_are_free_however_many(world):
    world.know(tenant(max_parallel_requests=2))
    await world.lease(2, kind="parallel")
    rest = Return(Resource("parallel", "t"), 0, 0.0, rest=True)
    await world.book.give_back("a", [rest])

    assert (await world.lease(2, "b", kind="parallel")).amount == 2


async def test_a_rate_is_not_forgotten_while_its_minute_lasts(world):
    world.know(tenant(rpm_limit=2))
    await world.lease(2, kind="rpm")
    world.now += 30
    world.book.heard_of("a")

    assert (await world.lease(1, kind="rpm")).amount == 0


async def test_pools_of_which_nothing_is_handed_out_are_forgotten_now_and_then(world):
    world.know(tenant(rpm_limit=2))
    await world.lease(2, kind="rpm")
    world.book.heard_of("a")
    assert world.book._rates._pools

    world.now += 70
    world.book.heard_of("a")
    assert not world.book._rates._pools


async def test_places_of_which_some_were_refused_are_wanted_of_who_holds_any(world):
    world.know(tenant(max_parallel_requests=2))
    assert (await world.lease(2, kind="parallel")).good_for_s is None
    assert world.book.wanted_of("a") == []
    places = Resource("parallel", "t")

    assert (await world.lease(1, "b", kind="parallel")).amount == 0
    assert (world.book.wanted_of("a"), world.book.wanted_of("b")) == ([places], [])
    await world.book.give_back("a", [Return(places, 0, 1.0)])
    assert (await world.lease(1, "b", kind="parallel")).good_for_s is not None
    world.now += 301
    assert world.book.wanted_of("a") == []
