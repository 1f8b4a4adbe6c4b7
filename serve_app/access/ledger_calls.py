"""What one replica asks the Ledger for, and what it gives back to it."""

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

from deployments.coalescing import Coalescer
from deployments.detached import detached
from deployments.errors import Overloaded
from deployments.limits.ledger_protocol import Ask, Grant, LedgerLike, Resource, Return
from serve_app.access.holding import Grants, Holding

# A Ledger that does not answer within this is away.
_PATIENCE_S = 2.0
# One that has not answered by then never will: what it kept busy is asked for again.
_LOST_S = 60.0
# Places that others want go back so soon, together with those that follow them.
_SOON_S = 0.005
# A call that takes longer holds back no other.
_SLOW_S = 0.005
_ASKED_AT_ONCE = 256

T = TypeVar("T")
# What is to be given back of a holding.
Surplus = tuple[Holding, list[Return]]


class Held(Protocol):
    """What is needed of Holdings."""

    def now(self) -> float:
        """By the clock of all that is held."""

    def of(self, resource: Resource) -> Holding:
        """What is held of a resource."""


class LedgerCalls:
    """Each call keeps its holdings busy: whoever wants more of them waits for it, and
    overtakes nothing that goes back.

    What is asked for while a call is under way goes together with the next one: where
    tenants are many, each request of one that was idle has to ask.
    """

    def __init__(self, replica: str, ledger: LedgerLike, held: Held) -> None:
        self._replica = replica
        self._ledger = ledger
        self._held = held
        self._soon: dict[Resource, Holding] = {}
        # Budgets wait for SQL, and who asks for a place must not wait with them.
        self._limits = self._lane()
        self._budgets = self._lane()

    def ask(self, asks: Mapping[Resource, Ask]) -> None:
        """For leases, in one call with what others ask for meanwhile."""
        holdings = [self._held.of(resource) for resource in asks]
        self._begin(holdings, self._leased(holdings, asks))

    def give_back(self, surplus: Sequence[Surplus]) -> "asyncio.Task[Grants]":
        """Parts of leases; none of them: "I am alive"."""
        returns = [back for _, found in surplus for back in found]
        holdings = [holding for holding, _ in surplus]
        return self._begin(holdings, self._given_back(returns))

    def soon(self, holding: Holding) -> None:
        """Give back what is free of these places, before the next round."""
        if not self._soon:
            asyncio.get_running_loop().call_later(_SOON_S, self._give_back_soon)
        self._soon[holding.resource] = holding

    def _give_back_soon(self) -> None:
        holdings, self._soon = self._soon.values(), {}
        surplus = [
            (holding, found)
            for holding in holdings
            if holding.busy is None
            and (found := holding.surplus(self._held.now(), 0.0, at_once=True))
        ]
        if surplus:
            self.give_back(surplus)

    def _begin(
        self, holdings: Sequence[Holding], call: Coroutine[Any, Any, Grants]
    ) -> "asyncio.Task[Grants]":
        # A task of its own: whoever waits for it may go away, a lease must not.
        task = detached(_keeping_busy(holdings, call))
        for holding in holdings:
            holding.busy, holding.busy_since = task, time.monotonic()
        task.add_done_callback(_seen)
        return task

    async def _leased(
        self, holdings: Sequence[Holding], asks: Mapping[Resource, Ask]
    ) -> Grants:
        asked_at = self._held.now()
        budget = any(resource.kind == "budget" for resource in asks)
        lane = self._budgets if budget else self._limits
        grants = await lane([*asks.values()])
        found = dict(zip(asks, grants, strict=True))
        for holding in holdings:
            need = asks[holding.resource].need
            holding.take(found[holding.resource], need, self._held.now(), asked_at)
        return found

    def _lane(self) -> "Coalescer[Sequence[Ask], Sequence[Grant | None]]":
        return Coalescer(
            self._lease, max_weight=_ASKED_AT_ONCE, weigh=len, slow_s=_SLOW_S
        )

    async def _lease(
        self, together: Sequence[Sequence[Ask]]
    ) -> list[Sequence[Grant | None]]:
        asks = list(chain(*together))
        grants = iter(await self._ledger.lease(self._replica, asks))
        return [list(islice(grants, len(each))) for each in together]

    async def _given_back(self, returns: list[Return]) -> Grants:
        wanted = await self._ledger.give_back(self._replica, returns)
        for holding in map(self._held.of, wanted):
            holding.missed(self._held.now())
            if holding.is_wanted:
                self.soon(holding)
        return {}


async def answer_to(holding: Holding) -> Grants:
    """What the Ledger says to the call that is under way, nothing if something was
    given back; Overloaded if it is away."""
    assert holding.busy is not None
    left_s = holding.busy_since + _PATIENCE_S - time.monotonic()
    return await in_time(asyncio.shield(holding.busy), left_s)


async def in_time(answer: Awaitable[T], left_s: float = _PATIENCE_S) -> T:
    """Overloaded if it does not come within that time."""
    try:
        async with asyncio.timeout(max(0.0, left_s)):
            return await answer
    except TimeoutError:
        what = "The Ledger does not answer."
        raise Overloaded(what, retry_after_s=1.0) from None


async def _keeping_busy(
    holdings: Sequence[Holding], call: Coroutine[Any, Any, Grants]
) -> Grants:
    try:
        return await in_time(call, _LOST_S)
    except BaseException:  # the Ledger may have heard it all the same
        for holding in holdings:
            holding.unsure = True
        raise
    finally:
        for holding in holdings:
            holding.busy = None


def _seen(task: "asyncio.Task[Grants]") -> None:
    """Whoever waited may be gone: an error that nobody reads is no fault."""
    if not task.cancelled():
        task.exception()
