"""A Ledger's pools, with the real store beneath them, at a time of their own."""

from datetime import UTC, datetime
from typing import Any

from deployments.limits.allowance_book import AllowanceBook
from deployments.limits.ledger_protocol import Ask, Grant, Kind, Resource
from deployments.store.database import Database
from deployments.store.lease_store import LeaseStore
from deployments.store.usage_store import UsageStore
from deployments.tenancy import TenantConfig
from tests.deployments.store.made import record, tenant

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


class World:
    """A book, its store, and a clock that only a test moves."""

    def __init__(self, database: Database) -> None:
        self.now = NOON.timestamp()
        self.usage = UsageStore(database)
        self.leases = LeaseStore(database)
        self.renew()

    def renew(self) -> None:
        """What was in memory is lost."""
        self.book = AllowanceBook(self.leases, lambda: self.now)

    def know(self, *tenants: TenantConfig) -> None:
        self.book.know({each.id: each for each in tenants})

    async def lease(
        self, need: float, replica: str = "a", kind: Kind = "budget", **of: Any
    ) -> Grant:
        ask = Ask(Resource(kind, "t", of.get("key_id")), need)
        [grant] = await self.book.lease([(replica, ask)])
        assert grant is not None
        return grant

    async def spend(self, usd: float | None, replica: str = "a", **of: Any) -> None:
        """A request that came now was taken into the store."""
        at = datetime.fromtimestamp(of.pop("at", self.now), UTC)
        fields = {"id": f"use-{self.now}-{replica}-{usd}", "replica": replica, **of}
        taken = await self.usage.take([record(at=at, cost_usd=usd, **fields)])
        await self.book.charge(taken.charges)


def budget(usd: float = 8.0, **changes: Any) -> TenantConfig:
    return tenant(max_budget=usd, **{"budget_duration": "1d", **changes})
