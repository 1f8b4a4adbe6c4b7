"""The Ledger: budgets, limits, usage and accounts, one for all Gateway replicas."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, islice

from deployments.coalescing import Coalescer
from deployments.limits.allowance_book import AllowanceBook
from deployments.limits.ledger_accounts import LedgerAccounts
from deployments.limits.ledger_protocol import (
    Ask,
    BudgetState,
    Grant,
    Resource,
    Return,
)
from deployments.limits.retention import retain
from deployments.limits.store_failures import told_to_clients
from deployments.limits.waiting import BUDGET_ASKS, REPORTS, Waiting
from deployments.store.database import Database
from deployments.store.lease_store import LeaseStore
from deployments.store.usage_query import ShadowRow, UsageQuery, UsageRow
from deployments.store.usage_store import UsageStore
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import TenantConfig
from deployments.usage.record import UsageRecord

_LEASED_AT_ONCE = 256

# With the replica that asks.
_Asks = Sequence[tuple[str, Ask]]


class Ledger(LedgerAccounts):
    """See LedgerLike. One at a time: it keeps in memory what it has handed out.

    `configured` are tenants that the configuration states; of those that the store
    names, too, the store's count. `tiers` are the names of its cost tiers, `artifacts`
    those that it declares, by name.
    """

    def __init__(
        self,
        database: Database,
        configured: Sequence[TenantConfig] = (),
        tiers: Collection[str] = (),
        artifacts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(database, tiers, artifacts or {}, self._know_stored)
        self._database = database
        self._configured = {tenant.id: tenant for tenant in configured}
        self._stored: Mapping[str, TenantConfig] = {}
        self._usage = UsageStore(database)
        self._reports = Waiting(REPORTS, "reports of usage")
        self._asks = Waiting(BUDGET_ASKS, "budgets")
        self._book = AllowanceBook(LeaseStore(database))
        # Pools are read and changed between waits for SQL: one call at a time.
        self._turn = asyncio.Lock()
        self._leasing: Coalescer[_Asks, list[Grant | None]]
        self._leasing = Coalescer(self._lease, max_weight=_LEASED_AT_ONCE, weigh=len)

    async def open(self, *, patience_s: float = 30.0) -> None:
        """Wait for the database; StoreUnavailable if it does not come."""
        await self._database.open(patience_s=patience_s)
        await self.open_accounts()
        await self._book.start({**self._configured, **self._stored})

    async def retain(self, days: float) -> None:
        """Delete usage records that are older, for ever."""
        await retain(self._usage, days)

    async def lease(self, replica: str, asks: Sequence[Ask]) -> Sequence[Grant | None]:
        """See LedgerLike."""
        for ask in asks:
            self._learn(ask.terms)
        of_replica = [(replica, ask) for ask in asks]
        if any(ask.resource.kind == "budget" for ask in asks):
            async with told_to_clients():
                with self._asks.another():
                    return await self._leasing(of_replica)
        # Limits are in memory: they need not wait until usage is in SQL.
        return await self._book.lease(of_replica)

    async def _lease(self, together: Sequence[_Asks]) -> list[list[Grant | None]]:
        """What came while others waited for SQL, in one transaction."""
        async with self._turn:
            grants = iter(await self._book.lease(list(chain(*together))))
        return [list(islice(grants, len(asks))) for asks in together]

    async def give_back(
        self, replica: str, returns: Sequence[Return]
    ) -> Sequence[Resource]:
        """See LedgerLike."""
        self._book.heard_of(replica)
        budgets = [back for back in returns if back.resource.kind == "budget"]
        limits = [back for back in returns if back.resource.kind != "budget"]
        await self._book.give_back(replica, limits)  # in memory: it waits for no SQL
        if budgets:
            async with told_to_clients(), self._turn:
                await self._book.give_back(replica, budgets)
        return self._book.wanted_of(replica)

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        """See LedgerLike."""
        async with told_to_clients(), self._turn:
            taken = await self._usage.take(records)
            await self._book.charge(taken.charges)
            if taken.count < len({record.id for record in records}):
                # Given again: they may have been taken though the answer was lost.
                self._book.distrust({record.tenant for record in records})
            return taken.count

    async def close_replica(self, replica: str) -> None:
        """See LedgerLike."""
        async with told_to_clients(), self._turn:
            await self._book.close_replica(replica)

    async def budget(self, tenant: str) -> BudgetState:
        """See LedgerLike."""
        async with told_to_clients():
            with self._reports.another():
                async with self._turn:
                    return await self._book.budget(tenant)

    def tightest_budgets(self, n: int) -> list[BudgetLeft]:
        """The `n` tenants with the least share left, of those that were asked for."""
        return self._book.tightest(n)

    async def usage(self, query: UsageQuery) -> list[UsageRow]:
        """See LedgerLike."""
        async with told_to_clients():
            with self._reports.another():
                return await self._usage.rows(query)

    async def soft_budgets_reached(
        self, configured: Sequence[TenantConfig] = ()
    ) -> list[BudgetState]:
        """See LedgerLike."""
        for terms in configured:
            self._learn(terms)
        return self._book.soft_budgets_reached()

    async def shadows(self, query: UsageQuery, shadow_id: str) -> list[ShadowRow]:
        """See LedgerLike."""
        async with told_to_clients():
            with self._reports.another():
                return await self._usage.shadows(query, shadow_id)

    def _know_stored(self, tenants: Mapping[str, TenantConfig]) -> None:
        self._stored = tenants
        self._book.know({**self._configured, **self._stored})

    def _learn(self, terms: TenantConfig | None) -> None:
        """A configured tenant may have been changed since, or be new."""
        if terms is None or terms.id in self._stored:
            return
        if self._configured.get(terms.id) != terms:
            self._configured[terms.id] = terms
            self._book.know({**self._configured, **self._stored})
