"""Attempts → records: joined by query, priced, in order, and what they cover."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from artifacts.errors import BadInput
from artifacts.importers.cells import Attempt, ImportOptions, Note
from artifacts.importers.coverage import Coverage
from artifacts.importers.query_records import Priced, Query, by_id, record_of

_NO_COST = "missing, and not both tokens and a price are known"
_DUPLICATE = "the same query again"


class Assembly:
    """Collects attempts; `finish` makes records of them once all are in."""

    def __init__(self, options: ImportOptions, *, join_by_id: bool = False) -> None:
        """`join_by_id`: keys are ids, so a second score is an error, as is another text
        under one. Otherwise keys are texts, and of a repeated one the first counts.
        A gap is no measurement: a later score takes its place, and among ids it may
        also come second: logs are read in no order of time.
        """
        self._options = options
        self._by_id = join_by_id
        self._queries: dict[tuple[str, str], Query] = {}
        self._skipped: Counter[tuple[str, str, str]] = Counter()
        self._seen: set[str] = set()
        self._notes: list[str] = []

    def add(self, items: Iterable[Attempt | Note]) -> None:
        """BadInput names the place of an attempt that cannot be used."""
        for item in items:
            if isinstance(item, Note):
                self._notes.append(item.text)
            else:
                self._add(item)

    def _add(self, attempt: Attempt) -> None:
        self._seen.add(attempt.model)
        model = self._options.model_names.get(attempt.model, attempt.model)
        query = self._query(attempt)
        if attempt.index is not None:
            query.indexes.add(attempt.index)
        place = model, attempt.epoch
        first = query.attempts.get(place)
        # A score fills an earlier gap: of a run that was repeated where it had failed.
        if first and (place not in query.gaps or attempt.score is None):
            self._repeated(attempt, model, first)
            return
        query.attempts[place] = attempt.where
        priced = None if attempt.score is None else self._priced(attempt, model)
        if priced is None:
            unpriced = f"cost {_NO_COST}"
            query.gaps[place] = attempt.gap if attempt.score is None else unpriced
        else:
            query.gaps.pop(place, None)
            query.cells.setdefault(model, []).append(priced)

    def _query(self, attempt: Attempt) -> Query:
        query = self._queries.setdefault(
            (attempt.dataset, attempt.key),
            Query(attempt.dataset, attempt.query, attempt.where),
        )
        if query.text != attempt.query:
            what = f"sample {attempt.key!r} has another input than in {query.where}"
            raise BadInput(f"{attempt.where}: {what}")
        return query

    def _repeated(self, attempt: Attempt, model: str, first: str) -> None:
        if not self._by_id:
            self._skipped[model, attempt.dataset, _DUPLICATE] += 1
        elif attempt.score is not None:
            what = f"model {model!r} was measured on it before, in {first}"
            raise BadInput(f"{attempt.where}: {what}")

    def _priced(self, attempt: Attempt, model: str) -> Priced | None:
        usage, price = attempt.usage, self._options.prices.get(model)
        tokens = usage.prompt_tokens, usage.completion_tokens
        cost = usage.cost_usd
        if cost is None and price and tokens[0] is not None and tokens[1] is not None:
            cost = tokens[0] * price.input_usd + tokens[1] * price.output_usd
        if cost is not None and attempt.score is not None:
            estimated = usage.estimated or usage.cost_usd is None
            return Priced(attempt.score, cost, *tokens, estimated)
        if not self._options.drop_unpriced:
            advice = "(--catalog FILE has prices? --drop-unpriced leaves a gap)"
            what = f"cost of {model!r}: {_NO_COST}"
            raise BadInput(f"{attempt.where}: {what} {advice}")
        return None

    def finish(self) -> tuple[list[dict[str, Any]], Coverage]:
        """Records in the order of dataset and id, and what they cover."""
        self._check_model_names()
        queries = self._without_repeated_texts()
        scored = [query for query in queries if query.cells]
        if not scored:
            raise BadInput("nothing to write: no model was scored on any query")
        shared = Counter((q.dataset, i) for q in scored for i in q.indexes)
        records = [record_of(query, shared) for query in scored]
        counts = [
            (model, q.dataset, q.cells[model]) for q in scored for model in q.cells
        ]
        return records, Coverage(
            queries=Counter(query.dataset for query in queries),
            scored=Counter((model, dataset) for model, dataset, _ in counts),
            estimated=Counter(
                (model, dataset)
                for model, dataset, cells in counts
                if any(cell.estimated for cell in cells)
            ),
            skipped=self._skipped + self._gaps(),
            unscored=Counter(query.dataset for query in queries if not query.cells),
            notes=tuple(self._notes),
        )

    def _gaps(self) -> Counter[tuple[str, str, str]]:
        return Counter(
            (model, query.dataset, reason)
            for query in self._queries.values()
            for (model, _), reason in query.gaps.items()
        )

    def _check_model_names(self) -> None:
        for name in self._options.model_names:
            if name not in self._seen:
                there = ", ".join(sorted(self._seen)) or "none"
                raise BadInput(f"--model-name: no model {name!r} (there are: {there})")

    def _without_repeated_texts(self) -> list[Query]:
        """In order; of several ids with one text, the first with a score is kept."""
        ordered = sorted(self._queries.values(), key=by_id)
        kept: dict[tuple[str, str], Query] = {}
        for query in sorted(ordered, key=lambda query: not query.cells):
            first = kept.setdefault((query.dataset, query.text), query)
            if first is not query:
                for model, _ in query.attempts:
                    self._skipped[model, query.dataset, _DUPLICATE] += 1
        return [q for q in ordered if kept[q.dataset, q.text] is q]
