"""What upstreams charged in the end: for an answer that broke off, and for failures.

An answer that breaks off has no usage of its own, and a model that failed may have
charged all the same. Some upstreams can tell a moment later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from deployments.detached import detached
from deployments.errors import ServingError
from deployments.protocol.backend import CostSource, Settlement
from deployments.usage.record import UsageRecord, settled_fields
from serve_app.answering.shadowed import Shadowed

logger = logging.getLogger(__name__)

# OpenRouter knows the cost of a generation a moment after it has ended.
_ASK_AFTER_S = (0.5, 2.0, 8.0)

Ask = Callable[[], Awaitable[Settlement | None]]


class Corrections:
    """Those that are waited for, after their requests have ended."""

    def __init__(self) -> None:
        # Tasks are held here: the loop itself keeps only weak references to them.
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, correction: Coroutine[Any, Any, None]) -> None:
        """Run it beside the requests."""
        task = detached(correction)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout_s: float) -> None:
        """Wait until all are written; those that take longer are given up."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
            logger.warning("what %d answers have cost stays unknown", len(late))


async def corrected(
    record: UsageRecord,
    ask: Ask | None,
    owed: Sequence[Ask],
    shadowed: Shadowed | None,
) -> UsageRecord:
    """The record with what `ask` says of its answer, and `owed` of models that failed.

    Equal to `record` where they say nothing new. Takes as long as they are asked for.
    """
    own, *failed = await asyncio.gather(_asked(ask), *map(_asked, owed))
    if own is not None:
        record = replace(record, **settled_fields(own))
        if shadowed is not None and record.status == "answered":
            cost_usd = shadowed.cost_usd(record.model, own)
            record = replace(record, shadow_cost_usd=cost_usd)
    charged = [settled for settled in failed if settled is not None]
    return _with_wasted(record, charged)


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


async def _asked(ask: Ask | None) -> Settlement | None:
    """The settlement, asked for until there is one, or too often."""
    if ask is None:
        return None
    for pause_s in _ASK_AFTER_S:
        await asyncio.sleep(pause_s)
        try:
            settlement = await ask()
        except ServingError:
            continue
        if settlement is not None:
            return settlement
    logger.warning("an upstream does not say what an answer that failed has cost")
    return None
