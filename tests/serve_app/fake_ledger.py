"""A Ledger without SQL: the real book, whose spend and leases are in memory."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from deployments.budget_period import Period
from deployments.errors import Overloaded
from deployments.limits.allowance_book import AllowanceBook
from deployments.limits.ledger_protocol import Ask, Grant, Resource, Return
from deployments.store.lease_store import BudgetKey, Held
from deployments.store.usage_query import Spend
from deployments.tenancy import TenantConfig

START = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC


class Clock:
    """Time that only a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class MemoryLeases:
    """A LeaseBook that a test can look into."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str, int], float] = {}

    async def all(self) -> list[tuple[str, str, int, float]]:
        return [(*key, amount) for key, amount in self.open.items()]

    async def read(self, pools: Mapping[BudgetKey, Period]) -> dict[BudgetKey, Held]:
        """Nobody has spent anything yet."""
        found = {key: ({}, Spend()) for key in pools}
        for (replica, *held), amount in self.open.items():
            if (key := tuple(held)) in found:
                found[key][0][replica] = amount
        return found

    async def end(self, replica: str, tenants: Collection[str] | None) -> None:
        for key in list(self.open):
            if key[0] == replica and (tenants is None or key[1] in tenants):
                del self.open[key]

    async def put(self, held: Sequence[tuple[str, str, int, float]]) -> None:
        for replica, tenant, period, usd in held:
            self.open.pop((replica, tenant, period), None)
            if usd > 0:
                self.open[replica, tenant, period] = usd


class FakeLedger:
    """Leases as the Ledger does; it can be away, or answer only when told to."""

    def __init__(self, clock: Clock, *tenants: TenantConfig) -> None:
        self.leases = MemoryLeases()
        self.book = AllowanceBook(self.leases, clock)
        self.book.know({tenant.id: tenant for tenant in tenants})
        self.clock = clock
        self.away = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = asyncio.Event()
        self.asks: list[Ask] = []
        self.calls: list[list[Resource]] = []  # what was asked for together
        self.returns: list[Return] = []

    async def lease(self, replica: str, asks: Sequence[Ask]) -> Sequence[Grant | None]:
        self.asks += asks
        self.calls.append([ask.resource for ask in asks])
        self.asked.set()
        await self._reached()
        return await self.answered_at_once(replica, asks)

    async def answered_at_once(
        self, replica: str, asks: Sequence[Ask]
    ) -> Sequence[Grant | None]:
        """Whatever `may_answer` and `away` say of other calls."""
        return await self.book.lease([(replica, ask) for ask in asks])

    async def give_back(
        self, replica: str, returns: Sequence[Return]
    ) -> Sequence[Resource]:
        self.returns += returns
        await self._reached()
        self.book.heard_of(replica)
        await self.book.give_back(replica, returns)
        return self.book.wanted_of(replica)

    def leased(self, resource: Resource) -> float:
        """What all replicas together hold of a budget."""
        return sum(
            amount
            for (_, tenant, _), amount in self.leases.open.items()
            if tenant == resource.tenant
        )

    async def _reached(self) -> None:
        if self.away:
            raise Overloaded("no Ledger")
        await self.may_answer.wait()
