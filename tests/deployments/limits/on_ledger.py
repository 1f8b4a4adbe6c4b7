"""What a Ledger is asked for in tests."""

import time
from dataclasses import replace

from deployments.limits.ledger import Ledger
from deployments.limits.ledger_protocol import Ask, Resource
from deployments.usage.record import UsageRecord
from tests.deployments.store.made import record

BUDGET = Resource("budget", "t")


def spent(usd: float | None, id: str = "use-1", **changes) -> UsageRecord:
    """A record of a request that came a moment ago."""
    fields = {"replica": "a", "cost_usd": usd, **changes}
    return replace(record(id), at=time.time(), **fields)


async def leased(ledger: Ledger, need: float, replica: str = "a") -> float:
    (grant,) = await ledger.lease(replica, [Ask(BUDGET, need)])
    assert grant is not None
    return grant.amount
