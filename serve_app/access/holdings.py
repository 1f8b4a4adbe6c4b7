"""A replica's leases: what it holds of each allowance, and where it gets more."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from deployments.detached import detached
from deployments.errors import Overloaded, ServingError
from deployments.limits.ledger_protocol import Ask, LedgerLike, Resource
from deployments.tenancy import TenantConfig
from serve_app.access.giving_back import GivingBack, Surplus, seen
from serve_app.access.holding import Grants, Holding

# A lease that nobody drew on for so long goes back to the Ledger.
_IDLE_S = 2.0
# A Ledger that does not answer within this is away.
_PATIENCE_S = 2.0
_UNUSED_S = 120.0
_TRIES = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reservation:
    """So much of what was held of a resource, and of which of its periods.

    `period` None: there is no limit to count it against. `ends_at`: of a budget, when
    that period ends. `at`: when it was drawn, by the clock of its Holdings.
    """

    resource: Resource
    amount: float
    period: int | None
    ends_at: float | None = None
    at: float = 0.0


class Holdings:
    """All leases of one replica. `clock`: one that nobody sets, or what was refused for
    a moment would be refused for as long as it is set back."""

    def __init__(
        self,
        replica: str,
        ledger: LedgerLike,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.replica = replica
        self._ledger = ledger
        self._giving = GivingBack(replica, ledger, self)
        self._clock = clock
        self._held: dict[Resource, Holding] = {}
        # Of which something may have to be given back: few, where tenants are many.
        self._active: dict[Resource, Holding] = {}
        self._empty: deque[tuple[float, Resource]] = deque()  # last drawn on when

    def now(self) -> float:
        """By the clock of all that is held."""
        return self._clock()

    def of(self, resource: Resource) -> Holding:
        """What is held of a resource."""
        holding = self._held.get(resource)
        if holding is None:
            holding = self._held[resource] = Holding(resource)
        self._active[resource] = holding
        return holding

    async def reserve(
        self,
        resource: Resource,
        amount: float,
        terms: TenantConfig | None = None,
        *,
        limit: float | None = None,
    ) -> Reservation | None:
        """Set `amount` aside, asking the Ledger if need be; None if there is none.

        `limit`: how large the whole is. Once that is lowered, what is at hand goes
        back first. While the Ledger is away, limits by the minute are kept by each
        replica for itself, by `limit`; ServingError where another allowance is needed
        that is not at hand.
        """
        holding = self.of(resource)
        if limit is not None:
            holding.limit = limit
        try:
            return await self._reserve(holding, amount, terms)
        except ServingError:
            if holding.draw_alone(amount, self._clock(), limit):
                return Reservation(resource, amount, None)
            raise

    def fetch(
        self,
        wants: Mapping[Resource, float],
        limits: Mapping[Resource, float],
        terms: TenantConfig | None = None,
    ) -> None:
        """Begin to ask for what is not at hand of these, in one call to the Ledger.

        Whoever reserves them next waits for it, instead of for one call after another.
        `limits`: how large the whole of each is, see `reserve`.
        """
        now = self._clock()
        asking: dict[Resource, Ask] = {}
        for resource, amount in wants.items():
            holding = self.of(resource)
            holding.limit = limits[resource]
            if holding.busy is None and holding.lacks(amount, now):
                asking[resource] = self._ask_for(holding, amount, terms, now)
        if asking:
            self._begin(asking)

    async def _reserve(
        self, holding: Holding, amount: float, terms: TenantConfig | None
    ) -> Reservation | None:
        resource = holding.resource
        for _ in range(_TRIES):
            now = self._clock()
            period = holding.draw(amount, now)
            if period is not None:
                return Reservation(resource, amount, period, holding.ends_at, now)
            if holding.is_refused(amount, now):
                return None
            mine = holding.busy is None
            if mine:
                self._begin({resource: self._ask_for(holding, amount, terms, now)})
            grants = await _answer(holding)
            if resource not in grants:
                continue  # something was given back
            grant = grants[resource]
            if grant is None:
                return Reservation(resource, amount, None)
            if mine and grant.amount <= 0:
                return None
        raise Overloaded("Too many ask for the same allowance.", retry_after_s=1.0)

    def settle(self, reservation: Reservation, used: float) -> None:
        """A request has ended; `used` is what it really took."""
        if reservation.period is not None:
            holding = self.of(reservation.resource)
            amount, period, now = reservation.amount, reservation.period, self._clock()
            holding.settle(amount, used, period, now, now - reservation.at)
            if holding.is_wanted:
                self._giving.soon(holding)

    def correct(self, resource: Resource, at: float, by: float) -> None:
        """What a request took that came at `at` is known better: `by` more."""
        holding = self.of(resource)
        if holding.period <= at and holding.is_good(self._clock()):
            holding.correct(by, self._clock())
        # With the Ledger it counts when the record is shipped, which may be later than
        # all that is free here has been given back.
        holding.unsure = True

    def doubt(self, reported_until: float) -> None:
        """The Ledger may have taken in what was settled since then, and not have said
        so."""
        for resource, holding in self._held.items():
            if resource.kind == "budget" and holding.settled_at >= reported_until:
                holding.doubt()
                self._active[resource] = holding

    async def give_back_idle(self, reported_until: float = 0.0) -> None:
        """What nobody drew on lately, or is no longer good; called every second.

        `reported_until`: what was settled before has reached the Ledger.
        """
        budgets: list[Surplus] = []
        limits: list[Surplus] = []
        for holding, found in self._surplus(reported_until):
            of_its_kind = budgets if holding.resource.kind == "budget" else limits
            of_its_kind.append((holding, found))
        # Budgets wait for SQL, and who asks for a place must not wait with them. The
        # other call is made in any case: by it the Ledger knows that we are alive.
        given = self._giving.begin(limits)
        money = self._giving.begin(budgets) if budgets else None
        await asyncio.shield(given)
        if money is not None:
            await _in_time(asyncio.shield(money), _PATIENCE_S)

    def _surplus(self, reported_until: float) -> Iterator[Surplus]:
        now = self._clock()
        for resource, holding in list(self._active.items()):
            if holding.busy is not None:
                continue
            if holding.is_empty(now):
                del self._active[resource]
                self._empty.append((holding.part.touched, resource))
            elif found := holding.surplus(now, _IDLE_S, reported_until):
                yield holding, found
        self._forget_unused(now)

    def _forget_unused(self, now: float) -> None:
        while self._empty and not 0 <= now - self._empty[0][0] <= _UNUSED_S:
            _, resource = self._empty.popleft()
            holding = self._held.get(resource)
            if holding is None or resource in self._active:
                continue
            if now - holding.part.touched > _UNUSED_S:
                del self._held[resource]
            else:  # it was drawn on since, and is empty again
                self._empty.append((holding.part.touched, resource))

    @staticmethod
    def _ask_for(
        holding: Holding, amount: float, terms: TenantConfig | None, now: float
    ) -> Ask:
        need, returns = holding.need(amount, now), holding.cleared(now)
        return Ask(holding.resource, need, terms, returns)

    def _begin(self, asking: Mapping[Resource, Ask]) -> None:
        # A task of its own: whoever waits for it may go away, the lease must not.
        task = detached(self._ask(asking))
        task.add_done_callback(seen)
        for resource in asking:
            holding = self.of(resource)
            holding.busy, holding.busy_since = task, time.monotonic()

    async def _ask(self, asking: Mapping[Resource, Ask]) -> Grants:
        asked_at = self._clock()
        holdings = [self.of(resource) for resource in asking]
        try:
            grants = await self._ledger.lease(self.replica, list(asking.values()))
            for holding, grant in zip(holdings, grants, strict=True):
                need = asking[holding.resource].need
                holding.take(grant, need, self._clock(), asked_at)
            return dict(zip(asking, grants, strict=True))
        except BaseException:  # the Ledger may have granted it all the same
            for holding in holdings:
                holding.unsure = True
            raise
        finally:
            for holding in holdings:
                holding.busy = None


async def _answer(holding: Holding) -> Grants:
    """What the Ledger says to the call that is under way; Overloaded if it is away."""
    assert holding.busy is not None
    left_s = holding.busy_since + _PATIENCE_S - time.monotonic()
    return await _in_time(asyncio.shield(holding.busy), left_s)


async def _in_time(answer: Awaitable[T], left_s: float) -> T:
    """Overloaded if it does not come within that time."""
    try:
        async with asyncio.timeout(max(0.0, left_s)):
            return await answer
    except TimeoutError:
        what = "The Ledger does not answer."
        raise Overloaded(what, retry_after_s=1.0) from None
