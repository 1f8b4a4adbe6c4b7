"""How what a replica does not need of its leases goes back to the Ledger."""

import asyncio
import time
from typing import Any

from deployments.detached import detached
from deployments.limits.ledger_protocol import LedgerLike, Return
from serve_app.access.holding import Holding

# What is to be given back of a holding.
Surplus = tuple[Holding, list[Return]]


class GivingBack:
    """Calls of one replica; each keeps its holdings busy."""

    def __init__(self, replica: str, ledger: LedgerLike) -> None:
        self._replica = replica
        self._ledger = ledger

    def begin(self, surplus: list[Surplus]) -> "asyncio.Task[None]":
        """Whoever asks for more of these meanwhile must not overtake."""
        task = detached(self._call(surplus))
        for holding, _ in surplus:
            holding.busy, holding.busy_since = task, time.monotonic()
        task.add_done_callback(seen)
        return task

    async def _call(self, surplus: list[Surplus]) -> None:
        returns = [back for _, found in surplus for back in found]
        try:
            await self._ledger.give_back(self._replica, returns)
        except BaseException:
            for holding, _ in surplus:
                holding.unsure = True
            raise
        finally:
            for holding, _ in surplus:
                holding.busy = None


def seen(task: "asyncio.Task[Any]") -> None:
    """Whoever waited may be gone: an error that nobody reads is no fault."""
    if not task.cancelled():
        task.exception()
