"""What is asked of the Ledger while it is being asked goes together."""

import asyncio
from typing import Any

import pytest

from deployments.errors import Overloaded
from deployments.limits.ledger_protocol import Resource
from serve_app.access import ledger_calls
from serve_app.access.holdings import Holdings
from tests.deployments.store.made import tenant
from tests.serve_app.access.held import taken
from tests.serve_app.fake_ledger import Clock, FakeLedger

NAMES = [f"t-{n}" for n in range(12)]


class InTurn(FakeLedger):
    """Answers one turn of the loop later, as one behind a handle does."""

    async def lease(self, replica, asks):
        await asyncio.sleep(0)
        return await super().lease(replica, asks)


class StandsStill(FakeLedger):
    """What goes back of budgets waits for `sql`."""

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self.sql = asyncio.Event()
        self.waiting = 0

    async def give_back(self, replica, returns):
        if any(back.resource.kind == "budget" for back in returns):
            self.waiting += 1
            await self.sql.wait()
        return await super().give_back(replica, returns)


@pytest.fixture
def ledger() -> FakeLedger:
    terms = {"max_budget": 8.0, "budget_duration": "1d", "max_parallel_requests": 4}
    return InTurn(Clock(), *(tenant(id=name, **terms) for name in NAMES))


@pytest.fixture
def holdings(ledger) -> Holdings:
    return Holdings("a", ledger, ledger.clock)


async def test_requests_of_many_tenants_share_calls(holdings, ledger):
    budgets = [Resource("budget", name) for name in NAMES]

    taken = await asyncio.gather(*(holdings.reserve(each, 0.5) for each in budgets))

    assert [each.amount for each in taken] == [0.5] * len(NAMES)
    assert ledger.calls == [budgets[:1], budgets[1:]]


async def test_each_request_gets_what_it_asked_for(holdings, ledger):
    amounts = [float(n) for n in range(1, len(NAMES) + 1)]
    asked = [
        holdings.reserve(Resource("budget", name), amount)
        for name, amount in zip(NAMES, amounts, strict=True)
    ]

    taken = await asyncio.gather(*asked)

    got = [each and each.amount for each in taken]
    assert got == [amount if amount <= 8 else None for amount in amounts]
    assert [each and each.resource.tenant for each in taken][:8] == NAMES[:8]


@pytest.mark.parametrize(
    "resource",
    [Resource("parallel", "t-0"), Resource("budget", "t-1")],
    ids=["a place: budgets wait for SQL", "another tenant"],
)
async def test_a_call_of_budgets_that_hangs_holds_up_nothing_else(
    holdings, ledger, resource
):
    ledger.may_answer.clear()
    stuck = asyncio.create_task(holdings.reserve(Resource("budget", "t-0"), 0.5))
    await ledger.asked.wait()
    lease, ledger.lease = ledger.lease, ledger.answered_at_once
    async with asyncio.timeout(5):
        other = await holdings.reserve(resource, 1.0)
    ledger.lease = lease
    ledger.may_answer.set()

    assert other.amount == 1.0
    assert (await stuck).amount == 0.5


async def test_what_a_call_kept_busy_that_is_never_answered_is_asked_for_again(
    holdings, ledger, monkeypatch
):
    monkeypatch.setattr(ledger_calls, "_LOST_S", 0.05)
    ledger.may_answer.clear()
    with pytest.raises(Overloaded):
        await holdings.reserve(Resource("budget", "t-0"), 0.5)
    ledger.may_answer.set()

    assert holdings.of(Resource("budget", "t-0")).unsure
    again = await holdings.reserve(Resource("budget", "t-0"), 0.5)
    assert again.amount == 0.5


async def test_what_goes_back_of_budgets_waits_in_one_call():
    """While SQL stood still, each took another place of the Ledger."""
    terms = {"max_budget": 8.0, "budget_duration": "1d"}
    ledger = StandsStill(Clock(), *(tenant(id=name, **terms) for name in NAMES))
    holdings = Holdings("a", ledger, ledger.clock)
    budgets = [Resource("budget", name) for name in NAMES[:3]]
    for each in budgets:
        holdings.settle(await taken(holdings, each, 8.0), used=0.0)
        ledger.clock.now += 3
        giving = asyncio.create_task(holdings.give_back_idle())
        await asyncio.wait({giving}, timeout=0.01)
        giving.cancel()
    assert ledger.waiting == 1

    ledger.sql.set()
    for _ in range(2):
        await holdings.give_back_idle()
    assert [ledger.leased(each) for each in budgets] == [0, 0, 0]
