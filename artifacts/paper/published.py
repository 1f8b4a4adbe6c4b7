"""Published aggregates of routing experiments, as data files beside this module.

They are points to draw and nothing else: there are no queries behind them.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from artifacts.errors import BadInput

_FILES = {"paper": "table3.json"}

Values = NDArray[np.float64]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedPoint(_Frozen):
    """A row of the table, as printed: accuracies in %, cost in USD of the evaluation.

    `alpha` is None for a single model, `model` (its OpenRouter id in the authors'
    data) for a routed setting.
    """

    name: str
    model: str | None = None
    alpha: float | None = Field(default=None, ge=0, le=1)
    average: float = Field(ge=0, le=100)
    cost_usd: float = Field(ge=0)
    accuracy: dict[str, float | None]


class Published(_Frozen):
    """A published table: single models, and routing at several α."""

    title: str
    source: str
    notes: tuple[str, ...]
    queries: dict[str, int] = Field(description="queries of each benchmark")
    singles: tuple[PublishedPoint, ...]
    routed: tuple[PublishedPoint, ...]

    @cached_property
    def n_queries(self) -> int:
        """Queries of all benchmarks."""
        return sum(self.queries.values())

    def points(self, rows: tuple[PublishedPoint, ...]) -> tuple[Values, Values]:
        """Average accuracy in [0, 1] and cost of one query in USD, for each row.

        The printed cost is taken for that of all queries of the benchmarks; if it
        were that of a held-out 30 % only, the cost of a query would be 1 / 0.3 of
        this.
        """
        accuracy = np.array([row.average for row in rows]) / 100
        cost_usd = np.array([row.cost_usd for row in rows]) / self.n_queries
        return accuracy, cost_usd


def load_published(name: str) -> Published:
    """The published table of this name; BadInput if there is none."""
    if name not in _FILES:
        known = ", ".join(sorted(_FILES))
        raise BadInput(f"no published table {name!r}; there is {known}")
    text = (Path(__file__).parent / _FILES[name]).read_text(encoding="utf-8")
    return Published.model_validate_json(text)
