"""A replica's leases: what it holds of each allowance, and where it gets more."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from deployments.allowances import Slice
from deployments.ledger_protocol import Ask, Grant, LedgerLike, Resource, Return

# A lease that nobody drew on for so long goes back to the Ledger.
_IDLE_S = 2.0


@dataclass(slots=True)
class Holding:
    """The replica's slice of one resource, and what is known of the whole."""

    part: Slice = field(default_factory=Slice)
    period: int = 0
    expires_at: float | None = None
    capacity: float | None = None  # None: no limit, as far as is known
    left: float = 0.0  # with the Ledger, when it was last asked
    resets_at: float | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Holdings:
    """All leases of one replica."""

    def __init__(
        self, replica: str, ledger: LedgerLike, clock: Callable[[], float] = time.time
    ) -> None:
        self.replica = replica
        self._ledger = ledger
        self._clock = clock
        self._held: dict[Resource, Holding] = {}

    def of(self, resource: Resource) -> Holding:
        """What is held of a resource."""
        if resource not in self._held:
            self._held[resource] = Holding()
        return self._held[resource]

    async def reserve(self, resource: Resource, amount: float) -> bool:
        """Set `amount` aside, asking the Ledger if need be; False if there is none.

        ServingError if the Ledger is needed and does not answer.
        """
        holding = self.of(resource)
        if self._draw(holding, amount):
            return True
        # One asks for all who wait: the slice it brings is for them, too.
        async with holding.asking:
            if self._draw(holding, amount):
                return True
            need = amount - max(0.0, self._current(holding))
            (grant,) = await self._ledger.lease(self.replica, [Ask(resource, need)])
            if grant is None:
                holding.capacity = None
                return True
            await self._take(resource, holding, grant)
            return self._draw(holding, amount)

    def settle(self, resource: Resource, reserved: float, used: float) -> None:
        """A request has ended; `used` is what it really took."""
        self.of(resource).part.settle(reserved, used)

    async def give_back_idle(self) -> None:
        """What nobody drew on lately, or is no longer good; called every second."""
        now = self._clock()
        returns = []
        for resource, holding in self._held.items():
            expired = holding.expires_at is not None and holding.expires_at <= now
            amount = holding.part.idle(now, 0.0 if expired else _IDLE_S)
            if amount > 0:
                returns.append(Return(resource, holding.period, amount))
        if returns:
            await self._ledger.give_back(self.replica, returns)

    def _current(self, holding: Holding) -> float:
        """What is free of a lease that is still good."""
        expires_at = holding.expires_at
        if expires_at is not None and expires_at <= self._clock():
            return 0.0
        return holding.part.free

    def _draw(self, holding: Holding, amount: float) -> bool:
        if self._current(holding) <= 0 and amount > 0:
            return False
        return holding.part.reserve(amount, self._clock())

    async def _take(self, resource: Resource, holding: Holding, grant: Grant) -> None:
        holding.capacity, holding.left = grant.capacity, grant.left
        holding.resets_at = grant.resets_at
        if grant.amount <= 0:
            return
        old = holding.part.free
        if grant.period != holding.period and old > 0:
            holding.part.free = 0.0
            back = Return(resource, holding.period, old)
            await self._ledger.give_back(self.replica, [back])
        holding.period, holding.expires_at = grant.period, grant.expires_at
        holding.part.add(grant.amount)
