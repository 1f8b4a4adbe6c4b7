"""Usage records → what drift is told from."""

import math
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.drift.traffic import Traffic, Tries
from deployments.errors import PromptFlagged, PromptTooLong, Unsupported
from deployments.store.usage_query import UsageQuery
from deployments.usage.record import UsageRecord
from serve_app.commands.database_access import with_database

if TYPE_CHECKING:
    from deployments.store.database import Database

_KNOWN_COSTS = ("upstream", "price_table")
_NAN = float("nan")
# Why a model did not answer that is no fault of it: the tenant's money, or what stands
# in the request. A breaker opens for none of these either.
_OF_THE_REQUEST = frozenset(
    {
        "over_budget",
        PromptFlagged.code,
        PromptTooLong.code,
        Unsupported.code,
        "invalid_value",
        "reasoning_refused",
        "unsupported_endpoint",
        "upstream_refused",
    }
)


@dataclass(slots=True)
class Collected:
    """Usage records, counted and put into columns as they come."""

    artifact: RoutingArtifact
    records: int = 0
    other_artifacts: Counter[str] = field(default_factory=Counter)
    _rows: list[tuple[int, float, bool, int, float, float]] = field(
        default_factory=list
    )
    _tried: Counter[str] = field(default_factory=Counter)
    _failed: Counter[str] = field(default_factory=Counter)
    _causes: Counter[str | None] = field(default_factory=Counter)

    def add(self, record: UsageRecord) -> None:
        """One more."""
        self.records += 1
        self._causes[record.cause] += 1
        self._add_tries(record)
        if record.cause != "routed" or not record.clusters:
            return
        if record.artifact_id != self.artifact.artifact_id:
            self.other_artifacts[record.artifact_id or "?"] += 1
            return
        self._rows.append(self._row(record))

    @property
    def traffic(self) -> Traffic:
        """The requests that the artifact has decided."""
        table = np.array(self._rows, dtype=np.float64).reshape(-1, 6).T
        return Traffic(
            cluster=table[0].astype(np.intp),
            similarity=table[1],
            strange=table[2].astype(bool),
            model=table[3].astype(np.intp),
            cost_usd=table[4],
            completion_tokens=table[5],
        )

    @property
    def tries(self) -> dict[str, Tries]:
        """Of each model that was asked for an answer."""
        return {
            model: Tries(n, self._failed[model]) for model, n in self._tried.items()
        }

    @property
    def routing(self) -> Tries:
        """Requests that were to be routed, and those for which that failed."""
        fallback = self._causes["fallback"]
        return Tries(self._causes["routed"] + fallback, fallback)

    def _add_tries(self, record: UsageRecord) -> None:
        told = (failure.partition("=") for failure in record.failures)
        failed = [model for model, _, why in told if why not in _OF_THE_REQUEST]
        # A client that leaves says nothing about the model.
        says = record.status != "cancelled" and record.error not in _OF_THE_REQUEST
        if record.model is not None and says:
            self._tried[record.model] += 1
            self._failed[record.model] += record.status == "failed"
        self._tried.update(failed)
        self._failed.update(failed)

    def _row(self, record: UsageRecord) -> tuple[int, float, bool, int, float, float]:
        answered = record.status == "answered" and record.model is not None
        model = self.artifact.column_of.get(record.model or "", -1) if answered else -1
        tokens = record.completion_tokens
        return (
            record.clusters[0],
            _NAN if record.similarity is None else record.similarity,
            record.out_of_distribution,
            model,
            _own_cost_usd(record),
            _NAN if tokens is None else tokens,
        )


def _own_cost_usd(record: UsageRecord) -> float:
    """Of the model that answered, not of those that failed before; nan: not known."""
    if record.cost_usd is None or record.cost_source not in _KNOWN_COSTS:
        return _NAN
    return record.cost_usd - record.failed_cost_usd


async def collect_sample(
    artifact: RoutingArtifact, records: AsyncIterator[UsageRecord], *, one_in: int
) -> Collected:
    """One in so many, chosen by the records' ids: the same ones every time."""
    collected = Collected(artifact)
    async for record in records:
        if zlib.crc32(record.id.encode()) % one_in == 0:
            collected.add(record)
    return collected


def collect(
    url: str,
    password_env: str | None,
    query: UsageQuery,
    artifact: RoutingArtifact,
    most: int,
) -> Collected:
    """Of the usage that is asked for; of more than `most` requests, a sample."""

    async def work(opened: "Database") -> Collected:
        from deployments.store.usage_store import UsageStore

        store = UsageStore(opened)
        [total] = await store.rows(query)
        one_in = max(1, math.ceil(total.requests / most))
        return await collect_sample(artifact, store.export(query), one_in=one_in)

    return with_database(url, password_env, work)
