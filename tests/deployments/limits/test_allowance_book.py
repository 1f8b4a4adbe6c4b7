"""The Ledger's pools, with the real store beneath them."""

import pytest

from deployments.errors import NotFound
from deployments.limits.ledger_protocol import Ask, Resource, Return
from deployments.store.errors import StoreUnavailable
from tests.deployments.limits.book_world import NOON, budget
from tests.deployments.store.made import record, tenant


async def test_what_was_spent_before_counts(world):
    world.know(budget())
    await world.spend(5.0)
    world.renew()
    world.know(budget())

    assert (await world.lease(4.0)).amount == 0
    assert (await world.lease(3.0)).amount == 3.0


async def test_what_is_not_known_counts_as_what_was_reserved(world):
    world.know(budget())
    await world.spend(None, reserved_usd=6.0)

    assert (await world.lease(3.0)).left == pytest.approx(2.0)


async def test_a_lease_is_written_down_before_it_is_granted(world):
    world.know(budget())

    grant = await world.lease(1.0)

    assert await world.leases.all() == [("a", "t", grant.period, grant.amount)]


async def test_usage_is_taken_off_the_lease_it_was_of(world):
    world.know(budget())
    await world.lease(4.0)
    await world.spend(3.0)

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (3.0, 1.0)
    assert [lease[3] for lease in await world.leases.all()] == [1.0]


async def test_another_ledger_knows_what_is_out_and_charges_it_once(world):
    world.know(budget())
    await world.lease(4.0)
    world.renew()
    await world.book.start({"t": budget()})
    await world.spend(3.0)

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (3.0, 1.0)


async def test_what_is_given_back_after_a_restart_is_free(world):
    world.know(budget())
    grant = await world.lease(8.0)
    world.renew()
    await world.book.start({"t": budget()})
    back = Return(Resource("budget", "t"), grant.period, 8.0)
    await world.book.give_back("a", [back])

    assert (await world.lease(8.0, "b")).amount == 8.0


async def test_leases_of_a_tenant_that_is_gone_are_deleted_when_no_period_is_so_long(
    world,
):
    world.know(budget())
    await world.lease(1.0)
    world.renew()
    await world.book.start({})
    assert len(await world.leases.all()) == 1

    world.now += 40 * 86400
    await world.book.start({})
    assert await world.leases.all() == []


async def test_what_is_out_is_known_of_a_tenant_that_is_known_only_later(world):
    """So it is of those whom the Gateways' configuration states."""
    world.know(budget())
    await world.lease(6.0)
    world.renew()
    await world.book.start({})
    world.know(budget())

    assert (await world.lease(4.0, "b")).amount == 0
    await world.book.close_replica("a")
    assert (await world.lease(8.0, "b")).amount == 8.0


async def test_a_replica_s_leases_end_though_their_tenant_is_not_known_yet(world):
    world.know(budget())
    await world.lease(6.0)
    world.renew()
    await world.book.start({})
    await world.book.close_replica("a")

    assert await world.leases.all() == []


async def test_what_another_ledger_ends_is_free_here(world):
    """While a cluster takes over from another, both have a Ledger."""
    world.know(budget())
    before = world.book
    await world.lease(6.0)
    world.renew()
    await world.book.start({"t": budget()})
    assert (await world.lease(4.0, "b")).amount == 0
    await before.close_replica("a")
    world.now += 60

    assert (await world.lease(8.0, "b")).amount == 8.0


async def test_what_the_ledger_before_grants_until_this_one_is_asked_is_out(world):
    """Serve starts another in the place of one whose node is drained, then ends it."""
    world.know(budget())
    before = world.book
    await world.lease(1.0)
    world.renew()
    await world.book.start({"t": budget()})
    await before.lease([("a", Ask(Resource("budget", "t"), 6.0))])

    refused = await world.lease(6.0, "b")
    assert (refused.amount, refused.left) == (0, 1.0)


async def test_what_another_ledger_takes_in_is_spent_here(world):
    world.know(budget())
    await world.spend(1.0)
    assert (await world.book.budget("t")).spend == 1.0
    here = world.book
    world.renew()
    await world.book.start({"t": budget()})
    await world.spend(3.0)
    world.book = here
    world.now += 60

    assert (await world.book.budget("t")).spend == 4.0


async def test_a_dead_replica_s_lease_is_free_when_it_is_closed(world):
    world.know(budget())
    await world.lease(8.0)
    assert (await world.lease(1.0, "b")).amount == 0

    await world.book.close_replica("a")

    assert (await world.lease(8.0, "b")).amount == 8.0
    assert {lease[0] for lease in await world.leases.all()} == {"b"}


async def test_the_rest_is_all_of_it_however_much_that_is(world):
    world.know(budget())
    grant = await world.lease(8.0)
    rest = Return(Resource("budget", "t"), grant.period, 0.0, rest=True)
    await world.book.give_back("a", [rest])

    assert (await world.lease(8.0, "b")).amount == 8.0


async def test_a_period_begins_with_the_whole_budget(world):
    world.know(budget())
    first = await world.lease(8.0)
    await world.spend(8.0)
    world.now += 86400

    second = await world.lease(8.0)

    assert second.amount == 8.0
    assert first.resets_at == second.period == first.period + 86400
    assert second.good_for_s == pytest.approx(12 * 3600)


async def test_usage_counts_in_the_period_in_which_its_request_came(world):
    world.know(budget())
    await world.lease(8.0)
    yesterday = world.now
    world.now += 86400
    await world.lease(1.0)
    await world.spend(8.0, at=yesterday)

    assert (await world.book.budget("t")).spend == 0


async def test_of_past_periods_but_the_last_nothing_is_kept(world):
    world.know(budget())
    for _ in range(4):
        await world.lease(1.0)
        world.now += 86400

    assert len(await world.leases.all()) == 2


async def test_a_budget_that_is_changed_counts_at_once(world):
    world.know(budget())
    await world.lease(8.0)
    world.know(budget(12.0))
    assert (await world.lease(4.0, "b")).amount == 4.0

    world.know(budget(2.0))
    assert (await world.lease(0.1, "c")).amount == 0
    world.know(tenant())
    assert await world.book.lease([("c", Ask(Resource("budget", "t"), 1.0))]) == [None]


async def test_a_budget_of_nothing_is_no_budget_without_end(world):
    world.know(budget(0.0))
    await world.book.budget("t")

    assert (await world.lease(0.01)).amount == 0


async def test_a_budget_of_nobody_is_not_found(world):
    with pytest.raises(NotFound):
        await world.book.budget("nobody")


async def test_what_was_taken_off_a_lease_while_sql_was_away_stays_off(
    world, monkeypatch
):
    world.know(budget())
    await world.lease(4.0)

    async def away(*_):
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(world.leases, "put", away)
        with pytest.raises(StoreUnavailable):
            await world.spend(3.0)
    world.now += 60

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (3.0, 1.0)
    assert [lease[3] for lease in await world.leases.all()] == [1.0]


async def test_each_lease_that_was_not_written_while_sql_was_away_is_written_later(
    world, monkeypatch
):
    """The first that fails ends the charge; the others are not forgotten."""
    world.know(budget())
    for replica in ("a", "b"):
        await world.lease(4.0, replica)
    made = [record(at=NOON, cost_usd=3.0, id=r, replica=r) for r in ("a", "b")]
    taken = await world.usage.take(made)

    async def away(*_):
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(world.leases, "put", away)
        with pytest.raises(StoreUnavailable):
            await world.book.charge(taken.charges)
    world.now += 60

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (6.0, 2.0)


async def test_what_a_batch_of_records_takes_off_leases_is_written_at_once(
    world, monkeypatch
):
    """It may be of a thousand tenants: who asks for a lease waits until it is in."""
    names = ["t", "u", "v"]
    world.know(*(budget(id=name) for name in names))
    for name in names:
        await world.book.lease([("a", Ask(Resource("budget", name), 4.0))])
    made = [record(at=NOON, id=n, tenant=n, cost_usd=3.0, replica="a") for n in names]
    taken = await world.usage.take(made)
    put, written = world.leases.put, []

    async def counted(held):
        written.append(len(held))
        await put(held)

    monkeypatch.setattr(world.leases, "put", counted)
    await world.book.charge(taken.charges)

    assert written == [3]
    assert [lease[3] for lease in await world.leases.all()] == [1.0, 1.0, 1.0]


async def test_a_lease_that_was_written_is_not_written_over_another_ledger_s(world):
    world.know(budget())
    await world.lease(4.0)
    here = world.book
    world.renew()
    await world.book.start({"t": budget()})
    await world.spend(3.0)
    world.book = here
    world.now += 60

    state = await world.book.budget("t")
    assert (state.spend, state.leased) == (3.0, 1.0)


async def test_what_was_read_before_the_clock_was_set_back_is_read_again(world):
    world.know(budget())
    await world.book.budget("t")
    here = world.book
    world.now -= 60
    world.renew()
    await world.book.start({"t": budget()})
    await world.spend(3.0)
    world.book = here

    assert (await world.book.budget("t")).spend == 3.0


async def test_the_rest_of_one_tenant_is_given_back_and_no_other_s(world):
    world.know(budget(), budget(id="u"))
    await world.lease(4.0)
    await world.book.lease([("a", Ask(Resource("budget", "u"), 4.0))])
    back = Return(Resource("budget", "t"), 0, 0.0, rest=True)
    await world.book.give_back("a", [back])

    assert [lease[1] for lease in await world.leases.all()] == ["u"]
