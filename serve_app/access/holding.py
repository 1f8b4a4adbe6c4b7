"""What a replica holds of one allowance. It waits for nothing and asks nobody."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.limits.allowances import SLICE_S, TICKS_A_SECOND, Slice, tick_of
from deployments.limits.ledger_protocol import IDLE_S, Grant, Resource, Return
from serve_app.access.alone import Alone
from serve_app.access.owed import Freed, Owed
from serve_app.access.refusal import Refusal

RATES = ("rpm", "tpm")
# What the Ledger has answered; None where there is no limit.
Grants = Mapping[Resource, Grant | None]
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
    idle_s: float = IDLE_S  # what nobody drew on for so long is to be given back
    left: float = 0.0  # with the Ledger, when it was last asked
    resets_at: float | None = None
    owed: Owed = field(default_factory=Owed)  # to be given back
    settled_at: float = 0.0
    freed: Freed = field(default_factory=Freed)  # once the Ledger knows
    unsure: bool = False  # the Ledger may think that more is held
    busy: "asyncio.Task[Grants] | None" = None  # what the Ledger is asked or told now
    busy_since: float = 0.0  # the loop's clock
    _refused: Refusal = field(default_factory=Refusal)
    _alone: Alone = field(default_factory=Alone)

    def is_empty(self, now: float) -> bool:
        """Nothing of it would be missed."""
        part = self.part
        used = max(abs(part.free), part.reserved) > _ROUNDING or bool(self.owed)
        # A slice of a rate ends by itself, whatever the Ledger thinks is held.
        unsure = self.unsure and self.resource.kind not in RATES
        return not (used or unsure) and self._alone.is_whole(now)

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

    def missed(self, now: float) -> None:
        """Others miss what is not used of it."""
        self.idle_s = IDLE_S
        if self.resource.kind == "parallel":
            self.expires_at = now

    def rests(self, now: float) -> bool:
        """It is left as it is for `idle_s`, if nobody draws on it before."""
        told = not (self.owed or self.freed or self.unsure)
        kept = self.idle_s > IDLE_S and self.is_good(now)
        return kept and told and self.part.reserved <= _ROUNDING

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
        self.owed.add(self.period, amount)
        self.owed.add(tick, -amount)
        return tick

    def lacks(self, amount: float, now: float) -> bool:
        """So much is not at hand, and was not refused a moment ago."""
        enough = self._is_drawable(now) and self.part.has(amount)
        return not enough and not self.is_refused(amount, now)

    def draw_alone(self, amount: float, now: float, limit: float | None) -> bool:
        """The Ledger is away, and may never have been asked for this `limit`: one by
        the minute is kept here, by itself."""
        capacity = self.capacity if limit is None else limit
        if self.resource.kind not in RATES or capacity is None:
            return False
        return self._alone.take(amount, now, capacity)

    def is_refused(self, amount: float, now: float) -> bool:
        """So much was refused a moment ago."""
        return self._refused.holds(amount, now)

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
            # What is at hand was not asked for: with it less is enough. A request may
            # try hundreds of models, each a little cheaper, and the Ledger has said
            # how much there is.
            more = min(need, grant.left + 2 * _ROUNDING)
            self._refused.note(more + self.part.free, now, grant.good_for_s)
            return
        self.asked_at, self.ends_at = asked_at, grant.resets_at
        if grant.period != self.period:
            self._begin(grant.period)
        # A budget's lease may not outlive its period, however late it comes.
        since = asked_at if self.resource.kind == "budget" else now
        self.expires_at = None if grant.good_for_s is None else since + grant.good_for_s
        self.part.add(grant.amount)
        self.leased_of = self.asked_of
        self.idle_s = grant.idle_s

    def settle(
        self, reserved: float, used: float, period: int, now: float, took_s: float = 0.0
    ) -> None:
        """A request has ended that had reserved of this period, so long before."""
        self.settled_at = now
        self._refused.forget()
        if self.resource.kind in RATES:
            # What it used beyond is of now. An answer may take longer than a minute:
            # when it came, that would never count.
            tick = period + tick_of(took_s) if used > reserved else period
            self.owed.add(tick, reserved - used)
        elif period == self.period:
            self.part.settle(reserved, used)
            self.unsure |= self.part.free < 0
        elif reserved > used:
            self.owed.add(period, reserved - used)

    def correct(self, by: float, now: float) -> None:
        """What was taken of the lease at hand was so much more than was settled; < 0:
        less, which is free once the Ledger knows, and not where that is in doubt."""
        if by < 0:
            self.freed.add(now, -by)
            by = 0.0
        self.settle(0.0, by, self.period, now)

    def doubt(self) -> None:
        """The Ledger may have taken in what was settled, and not have said so: it may
        think that more is held, or that what was freed is anybody's."""
        self.unsure = True
        self.freed.clear()

    def surplus(
        self, now: float, reported: float, *, at_once: bool = False
    ) -> list[Return]:
        """What to give back; `at_once`: all that is free. `reported`: what was settled
        before is with the Ledger."""
        idle_s = IDLE_S if self.unsure else self.idle_s
        idle_s = 0.0 if at_once else idle_s
        self.part.free += self.freed.take(reported)
        found = self.owed.take(self.resource)
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
            self.owed.add(self.period, self.part.free)
            self.part.free = 0.0
        return tuple(self.owed.take(self.resource))

    def _is_drawable(self, now: float) -> bool:
        return self.is_good(now) and self.capacity is not None

    def _is_quiet(self, now: float, idle_s: float, reported: float) -> bool:
        """Nothing is under way, and nothing that was used is still to be reported."""
        part = self.part
        still = part.reserved <= _ROUNDING and now - part.touched >= idle_s
        return still and self.settled_at < reported and self.resource.kind not in RATES

    def _begin(self, period: int) -> None:
        old = self.part
        if old.free > 0:
            self.owed.add(self.period, old.free)
        self.part = Slice(touched=old.touched)
        self.period = period
        self.freed.clear()
