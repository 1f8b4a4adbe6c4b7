"""How what a replica does not need of its leases goes back to the Ledger."""

import asyncio
import time
from typing import Any, Protocol

from deployments.detached import detached
from deployments.limits.ledger_protocol import LedgerLike, Resource, Return
from serve_app.access.holding import Grants, Holding

# Places that others want go back so soon, together with those that follow them.
_SOON_S = 0.005

# What is to be given back of a holding.
Surplus = tuple[Holding, list[Return]]


class Held(Protocol):
    """What is needed of Holdings."""

    def now(self) -> float:
        """By the clock of all that is held."""

    def of(self, resource: Resource) -> Holding:
        """What is held of a resource."""


class GivingBack:
    """Calls of one replica; each keeps its holdings busy."""

    def __init__(self, replica: str, ledger: LedgerLike, held: Held) -> None:
        self._replica = replica
        self._ledger = ledger
        self._held = held
        self._soon: dict[Resource, Holding] = {}

    def soon(self, holding: Holding) -> None:
        """What is free of these places, before the next round."""
        if not self._soon:
            asyncio.get_running_loop().call_later(_SOON_S, self._begin_soon)
        self._soon[holding.resource] = holding

    def _begin_soon(self) -> None:
        holdings, self._soon = self._soon.values(), {}
        surplus = [
            (holding, found)
            for holding in holdings
            if holding.busy is None
            and (found := holding.surplus(self._held.now(), 0.0, 0.0))
        ]
        if surplus:
            self.begin(surplus)

    def begin(self, surplus: list[Surplus]) -> "asyncio.Task[Grants]":
        """Whoever asks for more of these meanwhile must not overtake."""
        task = detached(self._call(surplus))
        for holding, _ in surplus:
            holding.busy, holding.busy_since = task, time.monotonic()
        task.add_done_callback(seen)
        return task

    async def _call(self, surplus: list[Surplus]) -> Grants:
        returns = [back for _, found in surplus for back in found]
        try:
            wanted = await self._ledger.give_back(self._replica, returns)
        except BaseException:
            for holding, _ in surplus:
                holding.unsure = True
            raise
        finally:
            for holding, _ in surplus:
                holding.busy = None
        for holding in map(self._held.of, wanted):
            holding.expires_at = self._held.now()
            self.soon(holding)
        return {}


def seen(task: "asyncio.Task[Any]") -> None:
    """Whoever waited may be gone: an error that nobody reads is no fault."""
    if not task.cancelled():
        task.exception()
