"""What a request draws on is asked for together, and no more than it may draw on."""

import asyncio

import pytest

from serve_app.access.holdings import Holdings
from tests.deployments.store.made import tenant
from tests.serve_app.access.held import BUDGET, PLACES, RPM, TERMS, TPM
from tests.serve_app.access.limited_tenant import World
from tests.serve_app.fake_ledger import Clock, FakeLedger


async def test_all_limits_are_asked_for_in_one_call_and_the_budget_in_another():
    """The budget waits for SQL, which limits must not."""
    world = World(**TERMS)
    assert (await world.ask(model="other")).status_code == 200

    assert world.ledger.calls == [[RPM, TPM, PLACES], [BUDGET]]


async def test_what_is_at_hand_is_not_asked_for():
    world = World(**TERMS)
    for _ in range(3):
        await world.ask(model="other")

    assert len(world.ledger.calls) == 2


async def test_what_a_key_is_refused_touches_nothing_that_all_keys_share():
    world = World(rpm_limit=80, key={"rpm_limit": 1})
    statuses = [(await world.ask()).status_code for _ in range(2)]
    asked = [resource.key_id for call in world.ledger.calls for resource in call]

    assert statuses == [200, 429]
    assert asked.count(None) == 1


async def test_who_waits_for_one_of_several_is_told_of_that_one():
    clock = Clock()
    ledger = FakeLedger(clock, tenant(rpm_limit=80, max_parallel_requests=1))
    holdings = Holdings("a", ledger, clock)
    ledger.may_answer.clear()
    limits = {RPM: 80.0, PLACES: 1.0, TPM: 800.0}
    holdings.fetch({RPM: 1.0, PLACES: 1.0, TPM: 5.0}, limits)
    waiting = [
        asyncio.ensure_future(holdings.reserve(resource, amount))
        for resource, amount in ((RPM, 1.0), (PLACES, 1.0), (PLACES, 1.0), (TPM, 5.0))
    ]
    await ledger.asked.wait()
    ledger.may_answer.set()
    rate, place, no_place, unlimited = await asyncio.gather(*waiting)

    assert rate is not None
    assert place is not None
    assert no_place is None
    assert unlimited is not None
    assert unlimited.period is None


async def test_all_are_in_doubt_if_the_call_fails():
    clock = Clock()
    ledger = FakeLedger(clock, tenant(**TERMS))
    holdings = Holdings("a", ledger, clock)
    ledger.away = True
    holdings.fetch({PLACES: 1.0, BUDGET: 0.5}, {PLACES: 2.0, BUDGET: 8.0})
    await asyncio.sleep(0.01)

    assert holdings.of(PLACES).unsure
    assert holdings.of(BUDGET).unsure
    assert holdings.of(PLACES).busy is None


async def test_an_exhausted_budget_is_not_asked_for_again_at_once():
    world = World(max_budget=0.0, budget_duration="1d")
    response = await world.ask(model="other")

    assert response.status_code == 429
    assert response.json()["error"]["code"] == "insufficient_quota"
    assert world.ledger.calls == [[BUDGET]]


@pytest.mark.parametrize("away", [False, True])
async def test_a_budget_that_is_fetched_in_vain_costs_a_free_answer_nothing(away):
    world = World(max_budget=8.0, budget_duration="1d")
    world.gateway._admission.worst_usd = lambda *_: 0.0
    world.ledger.away = away

    assert (await world.ask(model="other")).status_code == 200


async def test_what_costs_nothing_asks_for_no_budget():
    world = World(**TERMS)
    response = await world.post("/v1/embeddings", {"model": "auto", "input": "hi"})

    assert response.status_code == 200
    assert world.ledger.calls == [[RPM, TPM, PLACES]]
