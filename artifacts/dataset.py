"""Labelled routing records: what each model scored and cost on each query.

Knows nothing of files (see `records.py`), vectors or clusters.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]

# Queries of a collection that is divided by itself: of fewer, rounding would leave one
# side nothing, or another share by more than 5 %.
_FEWEST = 10


@dataclass(frozen=True, slots=True, eq=False)
class RoutingDataset:
    """n queries × m models; nan = not measured (score) or unknown (the rest).

    `score` is in [0, 1]; `cost_usd` is what answering that one query cost;
    `datasets` names the collection that each query comes from; `models` is sorted.
    """

    queries: tuple[str, ...]
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    score: Matrix
    cost_usd: Matrix
    prompt_tokens: Matrix
    completion_tokens: Matrix

    def __post_init__(self) -> None:
        shape = (len(self.queries), len(self.models))
        if len(self.datasets) != shape[0]:
            raise ValueError("one dataset name is needed for each query")
        if list(self.models) != sorted(set(self.models)):
            raise ValueError("models must be sorted and unique")
        for name in MATRICES:
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}")

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def dataset_names(self) -> tuple[str, ...]:
        """The collections in here, sorted."""
        return tuple(sorted(set(self.datasets)))

    @property
    def counts(self) -> dict[str, int]:
        """Queries in each collection."""
        return dict(sorted(Counter(self.datasets).items()))

    @property
    def measured_rows(self) -> Rows:
        """The queries that some model has a score for."""
        return np.flatnonzero(~np.isnan(self.score).all(axis=1))

    @property
    def measured(self) -> Self:
        """Without the queries that no model has a score for."""
        rows = self.measured_rows
        return self if len(rows) == len(self) else self.take(rows)

    @property
    def complete_rows(self) -> Rows:
        """The queries that every model has a score and a cost for."""
        unknown = np.isnan(self.score) | np.isnan(self.cost_usd)
        return np.flatnonzero(~unknown.any(axis=1))

    @property
    def digest(self) -> str:
        """sha256 over everything in here; the same data gives the same digest."""
        sha = hashlib.sha256()
        for text in (*self.queries, *self.datasets, *self.models):
            data = text.encode("utf-8", "surrogatepass")
            sha.update(len(data).to_bytes(8, "little") + data)
        for name in MATRICES:
            sha.update(np.ascontiguousarray(getattr(self, name), "<f8").tobytes())
        return sha.hexdigest()

    def take(self, rows: Rows) -> Self:
        """The given rows, in the given order."""
        return replace(
            self,
            queries=tuple(self.queries[i] for i in rows),
            datasets=tuple(self.datasets[i] for i in rows),
            **{name: getattr(self, name)[rows] for name in MATRICES},
        )

    def with_models(self, models: Sequence[str]) -> Self:
        """Only these models' columns; KeyError names one that is not here."""
        wanted = tuple(sorted(set(models)))
        for model in wanted:
            if model not in self.models:
                raise KeyError(model)
        columns = [self.models.index(model) for model in wanted]
        matrices = {name: getattr(self, name)[:, columns] for name in MATRICES}
        return replace(self, models=wanted, **matrices)

    def split(self, train_fraction: float, seed: int) -> tuple[Rows, Rows]:
        """Rows for training and for testing, drawn per collection, each sorted.

        Of every collection `train_fraction` (rounded) goes to the first part;
        collections of fewer than ten queries are drawn from as if they were one. A
        text that several collections hold goes where its first row goes: else a test
        would ask what training has answered.
        """
        rng = np.random.default_rng(seed)
        trains = np.zeros(len(self), dtype=np.bool_)
        for members in self._strata():
            rows = rng.permutation(members)
            trains[rows[: round(train_fraction * len(rows))]] = True
        first: dict[str, int] = {}
        trains = trains[
            [first.setdefault(q, row) for row, q in enumerate(self.queries)]
        ]
        return np.flatnonzero(trains), np.flatnonzero(~trains)

    def _strata(self) -> list[Rows]:
        """The rows of each collection, by name; at the end those of the small ones."""
        rows_of: dict[str, list[int]] = {}
        for row, name in enumerate(self.datasets):
            rows_of.setdefault(name, []).append(row)
        groups = [rows_of[name] for name in self.dataset_names]
        large = [rows for rows in groups if len(rows) >= _FEWEST]
        small = [row for rows in groups if len(rows) < _FEWEST for row in rows]
        return [np.array(rows, dtype=np.intp) for rows in (*large, small)]


MATRICES = tuple(field.name for field in fields(RoutingDataset) if field.type is Matrix)
