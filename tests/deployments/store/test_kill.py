"""A process that is killed while it writes."""

import signal
import subprocess
import sys

import pytest

from deployments.store.usage_query import UsageQuery
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import JULY, JUNE, MAY, record

BATCH = 50

WRITER = """
import asyncio, sys
from deployments.store.database import Database
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import record

async def main():
    store = UsageStore(Database(sys.argv[1]))
    for batch in range(10**6):
        ids = range(batch * 50, batch * 50 + 50)
        await store.ingest([record(f"use-{id}") for id in ids])
        print(batch + 1, flush=True)

asyncio.run(main())
"""


def killed(url: str, batches: int) -> int:
    """How many batches a writer had said to be taken when it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < batches:
            pass
        writer.send_signal(signal.SIGKILL)
        return [batches, *map(int, writer.stdout.read().split())][-1]


@pytest.mark.parametrize("batches", [1, 7])
async def test_what_was_taken_stays_and_nothing_is_taken_by_half(
    url, database, batches
):
    taken = killed(url, batches)

    store = UsageStore(database)
    found = [each.id async for each in store.export(UsageQuery(MAY, JULY))]
    assert len(found) % BATCH == 0
    assert len(found) >= taken * BATCH
    assert (await store.spend_of("t", JUNE, JULY)).cost_usd == len(found) * 0.25

    everything = [record(f"use-{id}") for id in range(len(found) + BATCH)]
    assert await store.ingest(everything) == BATCH
    assert (await store.spend_of("t", JUNE, JULY)).cost_usd == len(everything) * 0.25
