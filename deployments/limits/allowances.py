"""Allowances that several replicas draw on without asking for each request.

An allowance is so much of something for so long: the budget of a tenant in a month, the
requests of a key in a minute. Its `Pool` lies in the Ledger. Each Gateway replica
leases slices of it, and reserves what a request may use at worst from its slice.

    capacity ≥ consumed + Σ leases        (but for what is used beyond a reservation)
    lease of a replica = its free part + reservations of requests in flight
                         + what was used and has not been reported yet

So however many replicas there are and however many of them die, no more is handed out
than there is. A dead replica's lease counts as used until its records are found. What
others hold and do not use is missing to a replica that asks: at most the slice of each,
and a replica gives back what it has not touched for a while.
"""

import math
from dataclasses import dataclass, field

# A replica asks for so much of what is left at once, but never for less than it needs.
_SLICE = 1 / 8
_ROUNDING = 1e-9
WINDOW_S = 60
SLICE_S = 1  # how long a slice of a rate is good
TICKS_A_SECOND = 20


@dataclass(slots=True)
class Pool:
    """The whole of an allowance; `leases` by the replica that holds them."""

    capacity: float
    consumed: float = 0.0
    leases: dict[str, float] = field(default_factory=dict)

    @property
    def available(self) -> float:
        """What can still be handed out; never below 0."""
        return max(0.0, self.capacity - self.consumed - sum(self.leases.values()))

    @property
    def left_share(self) -> float:
        """Of the capacity, what has not been consumed; 0 if there is no capacity."""
        return max(0.0, 1 - self.consumed / self.capacity) if self.capacity else 0.0

    def lease(self, replica: str, need: float) -> float:
        """A slice of at least `need`; 0 if there is not so much."""
        available = self.available
        if need > available + _ROUNDING:
            return 0.0
        share = available * _SLICE / max(1, len(self.leases))
        granted = min(available, max(need, share))
        self.leases[replica] = self.leases.get(replica, 0.0) + granted
        return granted

    def give_back(self, replica: str, amount: float) -> None:
        """A replica does not need this part of its lease."""
        left = self.leases.get(replica, 0.0) - amount
        if left > _ROUNDING:
            self.leases[replica] = left
        else:
            self.leases.pop(replica, None)

    def consume(self, replica: str, amount: float) -> None:
        """A replica reports what was used; `amount` < 0 corrects an earlier report."""
        self.consumed += amount
        self.give_back(replica, amount)

    def forget(self, replica: str) -> None:
        """All records of a dead replica are found: the rest of its lease is free."""
        self.leases.pop(replica, None)


@dataclass(slots=True)
class RatePool:
    """So much in any `WINDOW_S` seconds: what was used counts for that long.

    A slice is good for `SLICE_S`, and counts as if all of it were used at its end until
    a replica says when it was, by the tick. So in no minute more is used than the
    capacity, and what was used is free again a minute and a tick later.
    """

    capacity: float
    used: dict[int, float] = field(default_factory=dict)  # by the tick

    def available(self, now: float) -> float:
        """What can be handed out at `now`; never below 0."""
        last, latest = (now - WINDOW_S) * TICKS_A_SECOND, tick_of(now + SLICE_S)
        for tick in [tick for tick in self.used if not last < tick <= latest]:
            amount = self.used.pop(tick)
            if tick > latest:  # the clock was set back: it counts from now on
                self.used[latest] = self.used.get(latest, 0.0) + amount
        return max(0.0, self.capacity - sum(self.used.values()))

    def lease(self, need: float, now: float, n_replicas: int) -> float:
        """A slice of at least `need`; 0 if there is not so much."""
        available = self.available(now)
        if need > available + _ROUNDING:
            return 0.0
        share = available * _SLICE / max(1, n_replicas)
        granted = min(available, max(need, share))
        self.give_back(tick_of(now + SLICE_S), -granted)
        return granted

    def take(self, amount: float, now: float) -> bool:
        """Use so much at once; False if there is not so much."""
        if amount > self.available(now) + _ROUNDING:
            return False
        self.give_back(tick_of(now), -amount)
        return True

    def give_back(self, tick: int, amount: float) -> None:
        """So much less was used in that tick; `amount` < 0: so much more."""
        if amount < 0 or tick in self.used:
            self.used[tick] = max(0.0, self.used.get(tick, 0.0) - amount)

    def whole_at(self, now: float) -> float:
        """When all of the capacity will be there again, if nobody asks before."""
        self.available(now)
        taken = [tick for tick, amount in self.used.items() if amount > _ROUNDING]
        return _free_at(max(taken)) if taken else now

    def more_at(self, need: float, now: float) -> float:
        """When there will be so much again, if nobody asks before."""
        missing = need - self.available(now)
        for tick in sorted(self.used):
            missing -= self.used[tick]
            if missing <= _ROUNDING:
                return _free_at(tick)
        return now + WINDOW_S


def tick_of(at: float) -> int:
    """The tick that ends at `at` or next after it."""
    return math.ceil(at * TICKS_A_SECOND)


def _free_at(tick: int) -> float:
    return tick / TICKS_A_SECOND + WINDOW_S


@dataclass(slots=True)
class Slice:
    """A replica's part of an allowance."""

    free: float = 0.0
    reserved: float = 0.0
    touched: float = 0.0  # when something was last reserved, the caller's clock

    def add(self, granted: float) -> None:
        """A lease has come."""
        self.free += granted

    def has(self, amount: float) -> bool:
        """Whether so much is free."""
        return amount <= self.free + _ROUNDING

    def reserve(self, amount: float, now: float) -> bool:
        """Set aside what a request may use at worst; False if there is not so much."""
        if not self.has(amount):
            return False
        self.free -= amount
        self.reserved += amount
        self.touched = now
        return True

    def settle(self, reserved: float, used: float) -> None:
        """A request has ended: what it did not use is free again.

        It may have used more than was reserved; then `free` may fall below 0, and the
        next lease pays for it first.
        """
        self.reserved -= reserved
        self.free += reserved - used

    def idle(self, now: float, idle_s: float) -> float:
        """What to give back: all that is free, if nothing was reserved for a while."""
        if now - self.touched < idle_s or self.free <= 0:
            return 0.0
        idle, self.free = self.free, 0.0
        return idle
