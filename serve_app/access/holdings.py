"""A replica's leases: what it holds of each allowance, and where it gets more."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deployments.detached import detached
from deployments.errors import Overloaded, ServingError
from deployments.limits.ledger_protocol import Ask, LedgerLike, Resource, Return
from deployments.tenancy import TenantConfig
from serve_app.access.holding import Grants, Holding

# A lease that nobody drew on for so long goes back to the Ledger.
_IDLE_S = 2.0
# A Ledger that does not answer within this is away.
_PATIENCE_S = 2.0
_UNUSED_S = 120.0
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Reservation:
    """So much of what was held of a resource, and of which of its periods.

    `period` None: there is no limit to count it against.
    """

    resource: Resource
    amount: float
    period: int | None


class Holdings:
    """All leases of one replica."""

    def __init__(
        self, replica: str, ledger: LedgerLike, clock: Callable[[], float] = time.time
    ) -> None:
        self.replica = replica
        self._ledger = ledger
        self._clock = clock
        self._held: dict[Resource, Holding] = {}
        # Of which something may have to be given back: few, where tenants are many.
        self._active: dict[Resource, Holding] = {}
        self._empty: deque[tuple[float, Resource]] = deque()  # last drawn on when

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

        While the Ledger is away, limits by the minute are kept by each replica for
        itself, by `limit`; ServingError where another allowance is needed that is not
        at hand.
        """
        try:
            return await self._reserve(resource, amount, terms)
        except ServingError:
            if self.of(resource).draw_alone(amount, self._clock(), limit):
                return Reservation(resource, amount, None)
            raise

    def fetch(
        self, wants: Mapping[Resource, float], terms: TenantConfig | None = None
    ) -> None:
        """Begin to ask for what is not at hand of these, in one call to the Ledger.

        Whoever reserves them next waits for it, instead of for one call after another.
        """
        now = self._clock()
        asking: dict[Resource, Ask] = {}
        for resource, amount in wants.items():
            holding = self.of(resource)
            if holding.busy is None and holding.lacks(amount, now):
                asking[resource] = self._ask_for(holding, amount, terms, now)
        if asking:
            self._begin(asking)

    async def _reserve(
        self, resource: Resource, amount: float, terms: TenantConfig | None
    ) -> Reservation | None:
        holding = self.of(resource)
        for _ in range(_TRIES):
            now = self._clock()
            period = holding.draw(amount, now)
            if period is not None:
                return Reservation(resource, amount, period)
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
            amount, period = reservation.amount, reservation.period
            holding.settle(amount, used, period, self._clock())

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
        now = self._clock()
        returns: list[Return] = []
        giving: list[Holding] = []
        for resource, holding in list(self._active.items()):
            if holding.busy is not None:
                continue
            if holding.is_empty(now):
                del self._active[resource]
                self._empty.append((holding.part.touched, resource))
            elif found := holding.surplus(now, _IDLE_S, reported_until):
                returns += found
                giving.append(holding)
        self._forget_unused(now)
        # Whoever asks for more of these meanwhile must not overtake.
        task = detached(self._give_back(giving, returns))
        for holding in giving:
            holding.busy, holding.busy_since = task, time.monotonic()
        task.add_done_callback(_seen)
        await asyncio.shield(task)

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

    async def _give_back(self, giving: list[Holding], returns: list[Return]) -> Grants:
        try:
            await self._ledger.give_back(self.replica, returns)
            return {}
        except BaseException:
            for holding in giving:
                holding.unsure = True
            raise
        finally:
            for holding in giving:
                holding.busy = None

    @staticmethod
    def _ask_for(
        holding: Holding, amount: float, terms: TenantConfig | None, now: float
    ) -> Ask:
        need, returns = holding.need(amount, now), holding.cleared()
        return Ask(holding.resource, need, terms, returns)

    def _begin(self, asking: Mapping[Resource, Ask]) -> None:
        # A task of its own: whoever waits for it may go away, the lease must not.
        task = detached(self._ask(asking))
        task.add_done_callback(_seen)
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
    try:
        async with asyncio.timeout(max(0.0, left_s)):
            return await asyncio.shield(holding.busy)
    except TimeoutError:
        what = "The Ledger does not answer."
        raise Overloaded(what, retry_after_s=1.0) from None


def _seen(task: "asyncio.Task[Grants]") -> None:
    """Whoever waited may be gone: an error that nobody reads is no fault."""
    if not task.cancelled():
        task.exception()
