"""Which model was scored on how many queries of which dataset, and why not on all."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of an import.

    `scored[model, dataset]` of the `queries[dataset]` have a score and a cost;
    `estimated` of them a cost from tokens × price; `skipped[model, dataset, reason]`
    counts attempts that a source holds but that became gaps; `unscored[dataset]` are
    queries that no model was scored on: they are not in the records.
    """

    queries: Mapping[str, int]
    scored: Mapping[tuple[str, str], int]
    estimated: Mapping[tuple[str, str], int]
    skipped: Mapping[tuple[str, str, str], int]
    unscored: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())

    @property
    def models(self) -> tuple[str, ...]:
        """All that a source names, sorted."""
        skipped = {model for model, _, _ in self.skipped}
        return tuple(sorted({model for model, _ in self.scored} | skipped))

    @property
    def datasets(self) -> tuple[str, ...]:
        """All that a source names, sorted."""
        return tuple(sorted(self.queries))

    @property
    def gaps(self) -> int:
        """Cells that the records lack: of written queries, models not scored.

        A model that was scored nowhere is not in the records, so it leaves no gap.
        """
        written = sum(self.queries.values()) - sum(self.unscored.values())
        models = {model for model, _ in self.scored}
        return written * len(models) - sum(self.scored.values())

    def reasons(self) -> dict[str, int]:
        """Skipped attempts by reason, most frequent first."""
        total: Counter[str] = Counter()
        for (_, _, reason), n in self.skipped.items():
            total[reason] += n
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    def to_dict(self) -> dict[str, Any]:
        """As `avengers import --json` prints it."""
        return {
            "queries": dict(sorted(self.queries.items())),
            "scored": self._by_model(self.scored),
            "estimated_cost": self._by_model(self.estimated),
            "skipped": [
                {"model": model, "dataset": dataset, "reason": reason, "n": n}
                for (model, dataset, reason), n in sorted(self.skipped.items())
            ],
            "unscored_queries": dict(sorted(self.unscored.items())),
            "gaps": self.gaps,
            "notes": list(self.notes),
        }

    def _by_model(
        self, counts: Mapping[tuple[str, str], int]
    ) -> dict[str, dict[str, int]]:
        return {
            model: {
                dataset: counts.get((model, dataset), 0) for dataset in self.queries
            }
            for model in self.models
        }
