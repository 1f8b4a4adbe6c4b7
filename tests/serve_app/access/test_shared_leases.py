"""A lease is asked for once for all who wait for it, and is no request's own."""

import asyncio
from contextvars import ContextVar

import pytest

from deployments.limits.ledger_protocol import Resource
from serve_app.access.holdings import Holdings
from serve_app.access.reservation import Reservation
from tests.deployments.store.made import tenant
from tests.serve_app.fake_ledger import Clock, FakeLedger

BUDGET = Resource("budget", "t")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock) -> FakeLedger:
    return FakeLedger(clock, tenant(max_budget=8.0, budget_duration="1d"))


class PerRequest:
    """Cancels what a request has begun when its client leaves, as Serve does: it finds
    it by a context variable."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger
        self.request: ContextVar[str | None] = ContextVar("request", default=None)
        self.begun: dict[str | None, list[asyncio.Task]] = {}

    async def lease(self, replica, asks):
        call = asyncio.ensure_future(self._ledger.lease(replica, asks))
        self.begun.setdefault(self.request.get(), []).append(call)
        return await call

    async def give_back(self, replica, returns):
        return await self._ledger.give_back(replica, returns)


async def test_a_client_that_leaves_takes_the_lease_from_nobody_else(ledger, clock):
    serve = PerRequest(ledger)
    holdings = Holdings("a", serve, clock)
    ledger.may_answer.clear()

    async def ask(name: str) -> Reservation | None:
        serve.request.set(name)
        return await holdings.reserve(BUDGET, 0.1)

    asking = [asyncio.create_task(ask(name)) for name in ("gone", "b", "c")]
    await ledger.asked.wait()
    asking[0].cancel()
    for call in serve.begun.get("gone", []):
        call.cancel()
    ledger.may_answer.set()

    gone, *others = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(gone, asyncio.CancelledError)
    assert all(isinstance(other, Reservation) for other in others)
    assert len(ledger.asks) == 1


async def test_a_call_that_was_cancelled_may_have_been_granted(ledger, clock):
    """So what the Ledger counts as leased is told to it anew."""
    serve = PerRequest(ledger)
    holdings = Holdings("a", serve, clock)
    ledger.may_answer.clear()
    asking = asyncio.create_task(holdings.reserve(BUDGET, 0.1))
    await ledger.asked.wait()

    serve.begun[None][0].cancel()
    with pytest.raises(RuntimeError, match="cancelled"):
        await asking

    assert holdings.of(BUDGET).unsure
