"""Budgets of many tenants are read and written together."""

import asyncio

import pytest

from deployments.limits.ledger_protocol import Ask, Resource, Return
from deployments.store.errors import StoreUnavailable
from deployments.store.lease_store import LeaseStore
from tests.deployments.limits.book_world import budget
from tests.deployments.limits.on_ledger import BUDGET, leased
from tests.deployments.store.made import tenant

NAMES = [f"t-{n}" for n in range(40)]


def ask(name: str, need: float) -> Ask:
    return Ask(Resource("budget", name), need)


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """What is asked of SQL about leases, by name."""
    made: list[str] = []

    def counted(name: str):
        method = getattr(LeaseStore, name)

        async def call(self, *arguments):
            made.append(name)
            return await method(self, *arguments)

        monkeypatch.setattr(LeaseStore, name, call)

    for name in ("read", "put", "end"):
        counted(name)
    return made


async def test_leases_of_many_tenants_are_one_transaction(world, calls):
    world.know(*(budget(id=name) for name in NAMES))

    grants = await world.book.lease([("a", ask(name, 4.0)) for name in NAMES])

    assert [grant.amount for grant in grants] == [4.0] * len(NAMES)
    assert calls == ["read", "put"]
    written = {lease[1]: lease[3] for lease in await world.leases.all()}
    assert written == dict.fromkeys(NAMES, 4.0)


async def test_each_is_held_to_its_own_budget_and_period(world):
    world.know(
        budget(id="day"),
        budget(id="month", budget_duration="1mo"),
        tenant(id="free"),
    )
    await world.spend(3.0, tenant="month", id="early", at=world.now - 5 * 86400)
    await world.spend(2.0, tenant="day", id="late")
    names = ["month", "free", "day", "nobody"]

    grants = await world.book.lease([("a", ask(name, 5.5)) for name in names])

    month, free, day, nobody = grants
    assert free is nobody is None
    assert (month.amount, month.left) == (0, 5.0)
    assert (day.amount, day.left) == (5.5, 0.5)


async def test_two_replicas_that_ask_together_get_what_there_is_and_no_more(world):
    world.know(budget())

    grants = await world.book.lease([("a", ask("t", 5.0)), ("b", ask("t", 5.0))])

    assert [grant.amount for grant in grants] == [5.0, 0]
    assert [lease[0] for lease in await world.leases.all()] == ["a"]


async def test_where_they_cannot_be_written_none_is_granted(world, monkeypatch):
    world.know(budget(), budget(id="u"))
    asks = [("a", ask("t", 8.0)), ("a", ask("u", 8.0))]

    async def away(held):
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(world.leases, "put", away)
        with pytest.raises(StoreUnavailable):
            await world.book.lease(asks)

    states = [await world.book.budget(name) for name in ("t", "u")]
    assert [state.leased for state in states] == [0, 0]
    assert [grant.amount for grant in await world.book.lease(asks)] == [8.0, 8.0]


async def test_what_goes_back_of_many_tenants_is_two_transactions(world, calls):
    world.know(*(budget(id=name) for name in NAMES))
    grants = await world.book.lease([("a", ask(name, 4.0)) for name in NAMES])
    period = grants[0].period
    calls.clear()

    await world.book.give_back(
        "a",
        [
            Return(Resource("budget", name), period, 1.0, rest=n >= 20)
            for n, name in enumerate(NAMES)
        ],
    )

    assert calls == ["put", "end"]
    written = {lease[1]: lease[3] for lease in await world.leases.all()}
    assert written == dict.fromkeys(NAMES[:20], 3.0)
    state = await world.book.budget(NAMES[-1])
    assert state.leased == 0


async def test_what_an_earlier_ledger_has_handed_out_is_read_together(world, calls):
    known = {name: budget(id=name) for name in NAMES}
    world.know(*known.values())
    await world.book.lease([("a", ask(name, 4.0)) for name in NAMES])
    world.renew()
    calls.clear()

    await world.book.start(known)

    assert calls == ["read"]
    assert (await world.book.budget(NAMES[-1])).leased == 4.0


async def test_who_asks_while_others_wait_for_sql_goes_with_those_that_wait(
    ledger_of, calls
):
    ledger = ledger_of(*(tenant(id=name, max_budget=8.0) for name in NAMES))
    await ledger.open()
    calls.clear()

    grants = await asyncio.gather(
        *(ledger.lease(f"gateway-{name}", [ask(name, 4.0)]) for name in NAMES)
    )

    assert [grant.amount for (grant,) in grants] == [4.0] * len(NAMES)
    assert calls == ["read", "put"] * 2  # the first, which found nobody; all others


async def test_a_budget_and_limits_asked_for_in_one_call_are_answered_in_order(ledger):
    rate = Resource("rpm", "t")

    grants = await ledger.lease("a", [Ask(rate, 1), Ask(BUDGET, 2.0), Ask(rate, 1)])

    assert [grant and grant.amount for grant in grants] == [None, 2.0, None]
    assert await leased(ledger, 6.0, "b") == 6.0
