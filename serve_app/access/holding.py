"""What a replica holds of one allowance. It waits for nothing and asks nobody."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.limits.allowances import (
    SLICE_S,
    TICKS_A_SECOND,
    RatePool,
    Slice,
    tick_of,
)
from deployments.limits.ledger_protocol import Grant, Resource, Return

RATES = ("rpm", "tpm")
# What the Ledger has answered; None where there is no limit.
Grants = Mapping[Resource, Grant | None]
# Nothing is asked for again so soon after it was refused.
_REFUSED_S = 0.1
_ROUNDING = 1e-9


@dataclass(slots=True)
class Holding:
    """The replica's slice of one resource, and what is known of the whole.

    What was reserved of a period that is over is given back under that period.
    """

    resource: Resource
    part: Slice = field(default_factory=Slice)
    period: int = 0
    ends_at: float | None = None  # of a budget: that period, by the Ledger's clock
    asked_at: float = 0.0  # for the slice at hand
    expires_at: float | None = None
    capacity: float | None = None  # None: no limit, as far as is known
    limit: float = 0.0  # how large the whole is, as requests know it now
    asked_of: float = 0.0  # the same, when more was last asked for
    leased_of: float = 0.0  # and when the slice at hand was
    left: float = 0.0  # with the Ledger, when it was last asked
    resets_at: float | None = None
    late: dict[int, float] = field(default_factory=dict)  # to be given back, by period
    settled_at: float = 0.0
    # What corrections have freed and the Ledger is still to be told: when, how much.
    freed: list[tuple[float, float]] = field(default_factory=list)
    unsure: bool = False  # the Ledger may think that more is held
    busy: "asyncio.Task[Grants] | None" = None  # what the Ledger is asked or told now
    busy_since: float = 0.0  # the loop's clock
    _refused: tuple[float, float] = (math.inf, 0.0)  # from which amount on, until when
    _alone: RatePool | None = None  # used here while the Ledger was away

    def is_empty(self, now: float) -> bool:
        """Nothing of it would be missed."""
        part, alone = self.part, self._alone
        used = max(abs(part.free), part.reserved) > _ROUNDING or bool(self.late)
        # A slice of a rate ends by itself, whatever the Ledger thinks is held.
        unsure = self.unsure and self.resource.kind not in RATES
        return not (used or unsure or (alone and alone.whole_at(now) > now))

    def is_good(self, now: float) -> bool:
        """Whether the lease has not expired, and was not of a larger whole: of that it
        may be more than there is now."""
        if self.leased_of > self.limit:
            return False
        return self.expires_at is None or now < self.expires_at

    @property
    def is_wanted(self) -> bool:
        """Of places: others were refused some, or they are more than there may be."""
        short = self.expires_at is not None or self.leased_of > self.limit
        return short and self.resource.kind == "parallel"

    def draw(self, amount: float, now: float) -> int | None:
        """Reserve, if there is enough at hand: under which period."""
        if not self._is_drawable(now) or not self.part.reserve(amount, now):
            return None
        if self.resource.kind not in RATES:
            return self.period
        # Used now and for good; the Ledger reckons with the end of the slice. It gave
        # the slice no earlier than it was asked: so the tick is not too early.
        self.part.settle(amount, amount)
        tick = self.period - SLICE_S * TICKS_A_SECOND + tick_of(now - self.asked_at)
        self._owe(self.period, amount)
        self._owe(tick, -amount)
        return tick

    def lacks(self, amount: float, now: float) -> bool:
        """So much is not at hand, and was not refused a moment ago."""
        enough = self._is_drawable(now) and self.part.has(amount)
        return not enough and not self.is_refused(amount, now)

    def draw_alone(self, amount: float, now: float, limit: float | None) -> bool:
        """The Ledger is away: a limit by the minute is kept here, by itself.

        `limit`: what it is, for which the Ledger may never have been asked.
        """
        capacity = self.capacity if limit is None else limit
        if self.resource.kind not in RATES or capacity is None:
            return False
        self._alone = self._alone or RatePool(capacity)
        self._alone.capacity = capacity  # the limit may be another by now
        return self._alone.take(amount, now)

    def is_refused(self, amount: float, now: float) -> bool:
        """So much was refused a moment ago."""
        from_amount, until = self._refused
        return now < until and amount >= from_amount

    def need(self, amount: float, now: float) -> float:
        """What to ask for. A slice of a rate is replaced, not added to."""
        if self.resource.kind in RATES or not self.is_good(now):
            return amount
        return amount - self.part.free

    def take(
        self, grant: Grant | None, need: float, now: float, asked_at: float
    ) -> None:
        """What the Ledger has answered; None: there is no limit."""
        if grant is None:
            self.capacity = None
            return
        self.capacity, self.left = grant.capacity, grant.left
        self.resets_at = grant.resets_at
        if grant.amount <= 0:
            good_for_s = _REFUSED_S if grant.good_for_s is None else grant.good_for_s
            # What is at hand was not asked for: with it less is enough. A request may
            # try hundreds of models, each a little cheaper, and the Ledger has said
            # how much there is.
            more = min(need, grant.left + 2 * _ROUNDING)
            self._refused = more + self.part.free, now + min(_REFUSED_S, good_for_s)
            return
        self.asked_at, self.ends_at = asked_at, grant.resets_at
        if grant.period != self.period:
            self._begin(grant.period)
        # A budget's lease may not outlive its period, however late it comes.
        since = asked_at if self.resource.kind == "budget" else now
        self.expires_at = None if grant.good_for_s is None else since + grant.good_for_s
        self.part.add(grant.amount)
        self.leased_of = self.asked_of

    def settle(
        self, reserved: float, used: float, period: int, now: float, took_s: float = 0.0
    ) -> None:
        """A request has ended that had reserved of this period, so long before."""
        self.settled_at = now
        self._refused = math.inf, 0.0
        if self.resource.kind in RATES:
            # What it used beyond is of now. An answer may take longer than a minute:
            # when it came, that would never count.
            tick = period + tick_of(took_s) if used > reserved else period
            self._owe(tick, reserved - used)
        elif period == self.period:
            self.part.settle(reserved, used)
            self.unsure |= self.part.free < 0
        elif reserved > used:
            self._owe(period, reserved - used)

    def correct(self, by: float, now: float) -> None:
        """What was taken of the lease at hand was so much more than was settled; < 0:
        less, which is free once the Ledger knows, and not where that is in doubt."""
        if by < 0:
            self.freed.append((now, -by))
            by = 0.0
        self.settle(0.0, by, self.period, now)

    def doubt(self) -> None:
        """The Ledger may have taken in what was settled, and not have said so: it may
        think that more is held, or that what was freed is anybody's."""
        self.unsure = True
        self.freed.clear()

    def surplus(self, now: float, idle_s: float, reported: float) -> list[Return]:
        """What to give back. `reported`: what was settled before is with the Ledger."""
        if self.freed:
            self._free_reported(reported)
        found = self._overdue()
        quiet = self._is_quiet(now, idle_s, reported)
        amount = self.part.idle(now, idle_s if self.is_good(now) else 0.0)
        if amount > 0 or (self.unsure and quiet):
            found.append(Return(self.resource, self.period, amount, rest=quiet))
            if quiet:
                self.unsure = False
                self.part = Slice(touched=self.part.touched)
        return found

    def cleared(self, now: float) -> tuple[Return, ...]:
        """What is given back when more is asked for: of a rate, the slice at hand; of
        all else, what is no longer good."""
        self.asked_of = self.limit
        if self.resource.kind not in RATES and self.is_good(now):
            return ()
        if self.part.free > 0:
            self._owe(self.period, self.part.free)
            self.part.free = 0.0
        return tuple(self._overdue())

    def _is_drawable(self, now: float) -> bool:
        return self.is_good(now) and self.capacity is not None

    def _overdue(self) -> list[Return]:
        """What is not of the lease at hand, or no longer."""
        late, self.late = self.late, {}
        return [
            Return(self.resource, period, amount)
            for period, amount in late.items()
            if abs(amount) > _ROUNDING
        ]

    def _free_reported(self, reported: float) -> None:
        self.part.free += sum(amount for at, amount in self.freed if at < reported)
        self.freed = [each for each in self.freed if each[0] >= reported]

    def _owe(self, period: int, amount: float) -> None:
        self.late[period] = self.late.get(period, 0.0) + amount

    def _is_quiet(self, now: float, idle_s: float, reported: float) -> bool:
        """Nothing is under way, and nothing that was used is still to be reported."""
        part = self.part
        still = part.reserved <= _ROUNDING and now - part.touched >= idle_s
        return still and self.settled_at < reported and self.resource.kind not in RATES

    def _begin(self, period: int) -> None:
        old = self.part
        if old.free > 0:
            self._owe(self.period, old.free)
        self.part = Slice(touched=old.touched)
        self.period = period
        self.freed.clear()
