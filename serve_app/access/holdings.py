"""A replica's leases: what it holds of each allowance, and where it gets more."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

from deployments.errors import Overloaded, ServingError
from deployments.limits.ledger_protocol import Ask, LedgerLike, Resource
from deployments.tenancy import TenantConfig
from serve_app.access.holding import Grants, Holding
from serve_app.access.ledger_calls import LedgerCalls, Surplus, answer_to, in_time
from serve_app.access.reservation import Reservation
from serve_app.access.watched import Watched

_TRIES = 100


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
        self._calls = LedgerCalls(replica, ledger, self)
        self._clock = clock
        self._held: dict[Resource, Holding] = {}
        self._watched = Watched(self._held)
        self._giving: asyncio.Task[Grants] | None = None  # of budgets, what goes back

    def now(self) -> float:
        """By the clock of all that is held."""
        return self._clock()

    def of(self, resource: Resource) -> Holding:
        """What is held of a resource."""
        holding = self._held.get(resource)
        if holding is None:
            holding = self._held[resource] = Holding(resource)
        self._watched.watch(holding)
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
                asking[resource] = _ask(holding, amount, terms, now)
        if asking:
            self._calls.ask(asking)

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
                self._calls.ask({resource: _ask(holding, amount, terms, now)})
            grants = await answer_to(holding)
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
                self._calls.soon(holding)

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
        for holding in self._held.values():
            if (
                holding.resource.kind == "budget"
                and holding.settled_at >= reported_until
            ):
                holding.doubt()
                self._watched.watch(holding)

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
        given = self._calls.give_back(limits)
        if budgets:
            self._giving = self._calls.give_back(budgets)
        await asyncio.shield(given)
        if self._giving is not None:
            await in_time(asyncio.shield(self._giving))

    def _surplus(self, reported_until: float) -> Iterator[Surplus]:
        now = self._clock()
        # While SQL stands still, one such call is enough to wait with the Ledger.
        if self._giving is not None and self._giving.done():
            self._giving = None
        for holding in self._watched.active(now):
            waits = holding.resource.kind == "budget" and self._giving is not None
            if holding.busy is not None or waits:
                continue
            if holding.is_empty(now):
                self._watched.leave(holding)
            elif found := holding.surplus(now, reported_until):
                yield holding, found
            elif holding.rests(now):
                self._watched.rest(holding, now)
        for resource in self._watched.unused(now):
            del self._held[resource]


def _ask(
    holding: Holding, amount: float, terms: TenantConfig | None, now: float
) -> Ask:
    need, returns = holding.need(amount, now), holding.cleared(now)
    return Ask(holding.resource, need, terms, returns)
