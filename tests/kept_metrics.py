"""Metrics that a test holds in its hand."""

import asyncio
from collections.abc import Sequence
from typing import Any

from deployments.telemetry.family import Family
from deployments.telemetry.tally import Tally


class Kept:
    """An Export: sums of counters, values of gauges and of histograms with labels."""

    def __init__(self) -> None:
        self.counted: dict[str, dict[Sequence[str], float]] = {}
        self.observed: dict[str, list[float]] = {}
        self.gauges: dict[str, dict[Sequence[str], float]] = {}
        self.calls = 0
        self._told = asyncio.Event()

    def times(self, histogram: str) -> float:
        """How many values have gone into one of ours."""
        counted = self.gauges.get(f"{histogram}_count", {}).get((), 0.0)
        return counted + len(self.observed.get(histogram, []))

    async def more(self) -> None:
        """Until something else is told."""
        self._told.clear()
        await self._told.wait()

    def count(self, family: Family, labels: Any, by: float) -> None:
        counts = self.counted.setdefault(family.name, {})
        counts[labels] = counts.get(labels, 0.0) + by
        self.calls += 1
        self._told.set()

    def observe(self, family: Family, labels: Any, value: float) -> None:
        self.observed.setdefault(family.name, []).append(value)

    def set(self, family: Family, labels: Any, value: float) -> None:
        self.gauges.setdefault(family.name, {})[labels] = value
        self._told.set()


def kept() -> tuple[Tally, Kept]:
    """A tally that never flushes by itself, and what it has told."""
    export = Kept()
    return Tally(export, flush_s=3600.0, watch_s=3600.0), export
