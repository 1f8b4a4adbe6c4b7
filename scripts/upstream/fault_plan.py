"""Which fault a request meets: its own wish, its model's schedule, or chance."""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from scripts.upstream.faults import KINDS, Fault, marked_fault, parse_fault
from scripts.upstream.settings import ModelSettings, Settings


class FaultPlan:
    """Counts requests, so that schedules advance and `times` runs out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._draw = random.Random(settings.seed)
        self._seen: Counter[str] = Counter()

    def next(
        self, headers: Mapping[str, str], body: bytes, data: dict[str, Any]
    ) -> Fault | None:
        """The fault of this request; FaultSyntaxError if its wish cannot be read."""
        model = str(data.get("model"))
        wish = _wish(headers, body, data)
        if wish is None:
            name = self._planned(model, self._settings.of(model))
            fault = None if name == "ok" else parse_fault(name)
        else:
            fault = self._granted(wish, model)
        if fault and KINDS[fault.name].stream_only and not data.get("stream"):
            return None
        return fault

    def _granted(self, wish: str, model: str) -> Fault | None:
        fault = parse_fault(wish)
        if fault.model not in {None, model}:
            return None
        self._seen[wish] += 1
        if fault.times is not None and self._seen[wish] > fault.times:
            return None
        return fault

    def _planned(self, model: str, settings: ModelSettings) -> str:
        if settings.schedule:
            turn = self._seen[f"model {model}"]
            self._seen[f"model {model}"] += 1
            return settings.schedule[turn % len(settings.schedule)]
        draw = self._draw.random() if settings.fault_rates else 1.0
        for name, rate in settings.fault_rates.items():
            if draw < rate:
                return name
            draw -= rate
        return "ok"


def _wish(headers: Mapping[str, str], body: bytes, data: dict[str, Any]) -> str | None:
    if (header := headers.get("x-fault")) is not None:
        return header
    metadata = data.get("metadata")
    if isinstance(metadata, dict) and "fault" in metadata:
        return str(metadata["fault"])
    return marked_fault(body)
