"""Times the store with many tenants and keys, and what it takes of usage."""

import argparse
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.snapshot import Snapshot
from deployments.store.usage_store import UsageStore
from scripts.bench.made_tenants import TIERS, made_records, made_tenants

BATCHES = 5

Figures = dict[str, float]


async def time_store(url: str, options: argparse.Namespace) -> tuple[Figures, Snapshot]:
    """Seconds of each step on one database, and the snapshot that it gives."""
    figures: Figures = {}
    tenants = made_tenants(options.tenants, options.keys)
    async with opened(url) as database:
        accounts = Accounts(database)
        with timed(figures, "apply all, s"):
            await accounts.apply(tenants, TIERS, prune=True)
        with timed(figures, "apply the same again, s"):
            await accounts.apply(tenants, TIERS, prune=True)
        reader = Accounts(database)
        with timed(figures, "snapshot, first, s"):
            await reader.snapshot()
        with timed(figures, "issue a key, s"):
            await accounts.issue_key(tenants[0].id)
        with timed(figures, "snapshot after that change, s"):
            snapshot = await reader.snapshot()
        with timed(figures, "ask for the version, s"):
            await reader.version()
        await time_usage(UsageStore(database), options.records, figures)
    return figures, snapshot


async def time_usage(store: UsageStore, size: int, figures: Figures) -> None:
    """Batches of records: new, the same again, and corrected."""
    batches = [made_records(batch, size) for batch in range(BATCHES)]
    corrected = [[replace(r, revision=1, cost_usd=0.002) for r in b] for b in batches]
    for name, wanted in (
        ("new", batches),
        ("the same again", batches),
        ("corrected", corrected),
    ):
        times = []
        for batch in wanted:
            start = time.perf_counter()
            await store.ingest(batch)
            times.append(time.perf_counter() - start)
        figures[f"ingest {size} records, {name}, s"] = statistics.median(times)


@contextmanager
def timed(figures: Figures, name: str) -> Iterator[None]:
    """Write down how long the block took."""
    start = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - start


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A database with its tables."""
    database = Database(url)
    await database.open()
    yield database
    await database.close()
