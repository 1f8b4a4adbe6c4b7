"""What came together for one query, and the record that it becomes.

Numbers are means over the epochs. A model that was not scored on a query is left out of
its record: a gap, never a 0.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any


@dataclass(frozen=True, slots=True)
class Priced:
    """A scored attempt with a cost; `estimated` if that is tokens × price."""

    score: float
    cost_usd: float
    prompt_tokens: float | None
    completion_tokens: float | None
    estimated: bool


@dataclass(slots=True)
class Query:
    """One query; `where` is the place that named it first.

    Attempts, and those of them that are gaps, are by model and epoch.
    """

    dataset: str
    text: str
    where: str
    indexes: set[str] = field(default_factory=set)
    attempts: dict[tuple[str, int], str] = field(default_factory=dict)
    gaps: dict[tuple[str, int], str] = field(default_factory=dict)  # and why
    cells: dict[str, list[Priced]] = field(default_factory=dict)


def by_id(query: Query) -> tuple[str, list[tuple[int, int, str]]]:
    """By dataset, then by id with its numbers as numbers; else as they came."""
    index = min(query.indexes, key=_natural, default="")
    return query.dataset, _natural(index)


def record_of(query: Query, shared: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """One line; the id is left out where it names several queries of the dataset.

    `shared`: dataset and id → how many queries have it.
    """
    own = [i for i in query.indexes if shared[query.dataset, i] == 1]
    cells = sorted(query.cells.items())
    return {
        "query": query.text,
        "dataset": query.dataset,
        **({"index": min(own, key=_natural)} if own else {}),
        "records": {model: _mean(c.score for c in cell) for model, cell in cells},
        "usages": {model: _usage(cell) for model, cell in cells},
    }


def _natural(text: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", text)
    return [(0, int(p), p) if p[0] in "0123456789" else (1, 0, p) for p in parts]


def _usage(cell: list[Priced]) -> dict[str, Any]:
    """Means over the epochs; token counts only where every epoch has them."""
    usage: dict[str, Any] = {}
    for name in ("prompt_tokens", "completion_tokens"):
        tokens = [getattr(priced, name) for priced in cell]
        if None not in tokens:
            usage[name] = _mean(tokens)
    usage["cost"] = _mean(priced.cost_usd for priced in cell)
    if any(priced.estimated for priced in cell):
        usage["cost_estimated"] = True
    return usage


def _mean(values: Iterable[float]) -> float | int:
    mean = fmean(values)
    return int(mean) if mean.is_integer() and math.fabs(mean) < 2**53 else mean
