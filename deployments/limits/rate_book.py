"""The Ledger's side of limits by the minute. It never waits for anything."""

import math

from deployments.limits.allowances import SLICE_S, RatePool, tick_of
from deployments.limits.ledger_protocol import Ask, Grant, Resource, Return

_LATELY_S = 10.0
_FORGET_S = 10.0  # between two looks at all pools, of which there may be very many


class RateBook:
    """The pools of requests and tokens per minute, made as they are asked for.

    They live in memory only: a Ledger that is started anew begins a new minute, so in
    that one minute up to twice as much may be used.
    """

    def __init__(self) -> None:
        self._pools: dict[Resource, RatePool] = {}
        self._asked: dict[Resource, dict[str, float]] = {}  # when, by the replica
        self._forgot_at = -math.inf

    def lease(self, replica: str, ask: Ask, capacity: float, now: float) -> Grant:
        """A slice of a limit."""
        pool = self._pools.setdefault(ask.resource, RatePool(capacity))
        pool.capacity = capacity
        for back in ask.returns:
            pool.give_back(back.period, back.amount)
        asked = self._asked.setdefault(ask.resource, {})
        asked[replica] = now
        lately = sum(now - at < _LATELY_S for at in asked.values())
        amount = pool.lease(ask.need, now, lately)
        left, period = pool.available(now), tick_of(now + SLICE_S)
        if amount:
            whole_at = pool.whole_at(now)
            return Grant(amount, capacity, left, whole_at, SLICE_S, period)
        more_at = pool.more_at(ask.need, now)
        return Grant(amount, capacity, left, more_at, more_at - now, period)

    def give_back(self, back: Return) -> None:
        """A part of a slice was not used, or used at another time: that may be now,
        though nobody has asked for a minute."""
        pool = self._pools.get(back.resource)
        if pool is None and back.amount < 0:
            pool = self._pools[back.resource] = RatePool(0.0)  # until it is asked for
            self._asked[back.resource] = {}
        if pool is not None:
            pool.give_back(back.period, back.amount)

    def forget_unused(self, now: float) -> None:
        """Pools of which nothing is handed out need not be kept; called by each replica
        every second."""
        if 0 <= now - self._forgot_at < _FORGET_S:
            return
        self._forgot_at = now
        for resource, pool in list(self._pools.items()):
            if pool.whole_at(now) <= now:
                del self._pools[resource]
                del self._asked[resource]
