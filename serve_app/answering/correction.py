"""What upstreams charged in the end: for an answer that broke off, and for failures.

An answer that breaks off has no usage of its own, and a model that failed may have
charged all the same. Some upstreams can tell a moment later, or minutes later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from deployments.detached import detached
from deployments.errors import ServingError
from deployments.protocol.backend import CostSource, Settlement
from deployments.usage.record import UsageRecord, charged_usd, settled_fields
from serve_app.answering.shadowed import Shadowed

logger = logging.getLogger(__name__)

# OpenRouter knows the cost of a generation a moment after it has ended.
_ASK_AFTER_S = (0.5, 2.0, 8.0)
# When its client leaves, it has not: many providers cannot be stopped. They write to
# the end, which may take ten minutes, and all of that is charged.
_ASK_LATE_AFTER_S = (30.0, 120.0, 480.0)
_MOST_LATE = 10_000  # at a time: each takes some kilobytes

Ask = Callable[[], Awaitable[Settlement | None]]


class Corrections:
    """Those that are under way, after their requests have ended."""

    def __init__(self) -> None:
        # Tasks are held here: the loop itself keeps only weak references to them.
        self._tasks: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()

    def begin(
        self, correction: Coroutine[Any, Any, None], *, late: bool = False
    ) -> bool:
        """Run it beside the requests. `late`: it takes too long to be waited for; False
        if there are too many of these already."""
        if late and len(self._late) >= _MOST_LATE:
            correction.close()
            logger.warning("too many answers have a cost that is not known yet")
            return False
        tasks = self._late if late else self._tasks
        task = detached(correction)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return True

    async def drain(self, timeout_s: float) -> None:
        """Wait until all are written but the late ones; what is left is given up."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        left = self._tasks | self._late
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            logger.warning("what %d answers have cost stays unknown", len(left))


@dataclass(slots=True)
class _Asked:
    """Somebody who is to say what was charged, and what that was."""

    ask: Ask
    told: Settlement | None = None

    async def until_told(self, after_s: Sequence[float]) -> None:
        """Ask after each of these pauses, until it is said."""
        for pause_s in after_s:
            if self.told is not None:
                return
            await asyncio.sleep(pause_s)
            with suppress(ServingError):
                self.told = await self.ask()


class Charges:
    """What was charged for an answer, as `own` says it, and for models that failed
    before it, as each of `owed` does."""

    def __init__(self, own: Ask | None, owed: Sequence[Ask]) -> None:
        self._own = None if own is None else _Asked(own)
        self._owed = tuple(map(_Asked, owed))
        self._rounds = [_ASK_AFTER_S, _ASK_LATE_AFTER_S]

    @property
    def worth_asking(self) -> bool:
        """Whether somebody has not said it yet, but may when asked again."""
        return bool(self._rounds) and any(each.told is None for each in self._all)

    @property
    def waits_for_own(self) -> bool:
        """Whether that of the answer itself is among them."""
        return bool(self._rounds and self._own and self._own.told is None)

    async def ask(self) -> None:
        """All who have not said it yet; takes as long as they are asked for, the second
        time minutes."""
        after_s = self._rounds.pop(0)
        await asyncio.gather(*(each.until_told(after_s) for each in self._all))
        if not self._rounds and any(each.told is None for each in self._all):
            what = "an upstream does not say what an answer that failed has cost"
            logger.warning(what)

    def corrected(self, record: UsageRecord, shadowed: Shadowed | None) -> UsageRecord:
        """A record as it was first written, with what has been said by now.

        Equal to `record` where that is nothing new.
        """
        own = self._own.told if self._own else None
        if own is not None:
            record = replace(record, **settled_fields(own))
            if shadowed is not None and record.status == "answered":
                cost_usd = shadowed.cost_usd(record.model, own)
                record = replace(record, shadow_cost_usd=cost_usd)
        charged = [each.told for each in self._owed if each.told is not None]
        return _with_wasted(record, charged)

    @property
    def _all(self) -> tuple[_Asked, ...]:
        return (*self._owed, self._own) if self._own else self._owed


class Revising:
    """A record that is written again each time that more is known of its charges.

    `write` is told the next revision, and how much more that counts than the last.
    `release` is called when nobody will say any more what the answer itself was
    charged: until then that may be all that was reserved for it.
    """

    def __init__(  # noqa: PLR0913  (what it is of, and its collaborators)
        self,
        record: UsageRecord,
        charges: Charges,
        shadowed: Shadowed | None,
        *,
        corrections: Corrections,
        write: Callable[[UsageRecord, float], None],
        release: Callable[[], None],
    ) -> None:
        self._first = self._latest = record
        self._charges = charges
        self._shadowed = shadowed
        self._corrections = corrections
        self._write = write
        self._release = release

    def begin(self, *, late: bool = False) -> None:
        """Ask beside the requests, and `late` again for what is not told soon."""
        begun = self._corrections.begin(self._ask(), late=late)
        if not (begun and self._charges.waits_for_own):
            self._release()

    async def _ask(self) -> None:
        await self._charges.ask()
        if not self._charges.waits_for_own:
            self._release()
        self._write_again(self._charges.corrected(self._first, self._shadowed))
        if self._charges.worth_asking:
            self.begin(late=True)

    def _write_again(self, record: UsageRecord) -> None:
        """As the next revision, if anything in it is new."""
        latest = self._latest
        if record == replace(latest, revision=self._first.revision):
            return
        more_usd = charged_usd(record) - charged_usd(latest)
        self._latest = replace(record, revision=latest.revision + 1)
        self._write(self._latest, more_usd)


def _with_wasted(record: UsageRecord, charged: Sequence[Settlement]) -> UsageRecord:
    """What models that failed have cost is added to the cost, or to what counts in its
    place while the rest is unknown."""
    wasted_usd = sum(each.cost_usd or 0.0 for each in charged)
    if not wasted_usd:
        return record
    record = replace(record, failed_cost_usd=wasted_usd)
    if record.cost_usd is not None:
        return replace(record, cost_usd=record.cost_usd + wasted_usd)
    if record.model is None and not record.reserved_usd:  # nobody else was at work
        sources = {each.cost_source for each in charged if each.cost_usd}
        source: CostSource = "upstream" if sources == {"upstream"} else "price_table"
        return replace(record, cost_usd=wasted_usd, cost_source=source)
    return replace(record, reserved_usd=record.reserved_usd + wasted_usd)
