"""The Ledger: budgets, limits, usage and accounts, one for all Gateway replicas."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain, islice

from deployments.coalescing import Coalescer
from deployments.limits.allowance_book import AllowanceBook
from deployments.limits.ledger_protocol import (
    Ask,
    BudgetState,
    Grant,
    Resource,
    Return,
)
from deployments.limits.reports import Reports
from deployments.limits.retention import retain
from deployments.limits.store_failures import told_to_clients
from deployments.rollout import Step, StoredArtifact
from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.store.lease_store import LeaseStore
from deployments.store.rollouts import Rollouts
from deployments.store.snapshot import Change, IssuedKey, Snapshot
from deployments.store.usage_query import ShadowRow, UsageQuery, UsageRow
from deployments.store.usage_store import UsageStore
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import CostTier, KeyTerms, TenantConfig
from deployments.usage.record import UsageRecord

_VERSIONS_KEPT = 16
_LEASED_AT_ONCE = 256

# With the replica that asks.
_Asks = Sequence[tuple[str, Ask]]

logger = logging.getLogger(__name__)


class Ledger:
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
        self._database = database
        self._configured = {tenant.id: tenant for tenant in configured}
        self._stored: dict[str, TenantConfig] = {}
        self._accounts = Accounts(database, configured=tiers)
        self._rollouts = Rollouts(self._accounts)
        self._artifacts = artifacts or {}
        self._usage = UsageStore(database)
        self._reports = Reports()
        self._book = AllowanceBook(LeaseStore(database))
        # Pools are read and changed between waits for SQL: one call at a time.
        self._turn = asyncio.Lock()
        self._leasing: Coalescer[_Asks, list[Grant | None]]
        self._leasing = Coalescer(self._lease, max_weight=_LEASED_AT_ONCE, weigh=len)
        # One read after another: what a slow one brings must not replace newer terms.
        self._reading = asyncio.Lock()
        self._version = 0
        self._sent: dict[int, Snapshot] = {}  # by version, the latest
        self._latest: Snapshot | None = None  # what was read last

    def configure(self, tiers: Collection[str]) -> None:
        """The configuration defines these cost tiers from now on."""
        self._accounts.configure(tiers)

    async def declare(self, artifacts: Mapping[str, str]) -> None:
        """The configuration declares these artifacts from now on, by name."""
        self._artifacts = artifacts
        if self._version:  # else it is done when the database is there
            async with self._changing():
                await self._rollouts.declare(artifacts)

    async def open(self, *, patience_s: float = 30.0) -> None:
        """Wait for the database; StoreUnavailable if it does not come."""
        await self._database.open(patience_s=patience_s)
        await self._rollouts.declare(self._artifacts)
        snapshot = await self._accounts.snapshot()
        self._version = snapshot.version
        self._stored = {tenant.id: tenant for tenant in snapshot.tenants}
        self._latest = snapshot
        await self._book.start({**self._configured, **self._stored})

    async def retain(self, days: float) -> None:
        """Delete usage records that are older, for ever."""
        await retain(self._usage, days)

    async def snapshot(self, known_version: int) -> Snapshot | None:
        """See LedgerLike."""
        async with told_to_clients():
            try:
                if await self._accounts.version() == known_version:
                    return None
                snapshot = await self._read()
            except StoreUnavailable:
                if known_version or self._latest is None:
                    raise
                # A replica that starts now would else know nobody of the store.
                return self._latest
        # All of many thousand tenants would keep a replica busy for a while.
        known = self._sent.get(known_version)
        return snapshot if known is None else snapshot.after(known)

    async def lease(self, replica: str, asks: Sequence[Ask]) -> Sequence[Grant | None]:
        """See LedgerLike."""
        for ask in asks:
            self._learn(ask.terms)
        of_replica = [(replica, ask) for ask in asks]
        if any(ask.resource.kind == "budget" for ask in asks):
            async with told_to_clients():
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
        async with told_to_clients(), self._turn:
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

    async def put_artifact(self, artifact: StoredArtifact) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._rollouts.put_artifact(artifact)

    async def delete_artifact(self, name: str) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._rollouts.delete_artifact(name)

    async def roll(self, scope: str, step: Step) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._rollouts.roll(scope, step)

    async def tenants(self) -> list[TenantConfig]:
        """See LedgerLike."""
        async with told_to_clients():
            return list((await self._read()).tenants)

    async def put_tenant(self, tenant: TenantConfig) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.put_tenant(tenant)

    async def delete_tenant(self, tenant_id: str) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.delete_tenant(tenant_id)

    async def cost_tiers(self) -> dict[str, CostTier]:
        """See LedgerLike."""
        async with told_to_clients():
            return dict((await self._read()).cost_tiers)

    async def put_cost_tier(self, name: str, tier: CostTier) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.put_cost_tier(name, tier)

    async def delete_cost_tier(self, name: str) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.delete_cost_tier(name)

    async def issue_key(self, tenant_id: str, terms: KeyTerms) -> IssuedKey:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.issue_key(tenant_id, terms)

    async def rotate_key(self, key_id: str, grace_s: float) -> IssuedKey:
        """See LedgerLike."""
        async with self._changing():
            grace = timedelta(seconds=grace_s)
            return await self._accounts.rotate_key(key_id, grace=grace)

    async def revoke_key(self, key_id: str) -> list[Change]:
        """See LedgerLike."""
        async with self._changing():
            return await self._accounts.revoke_key(key_id)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """What was changed is known here at once, or by the next reading if this one
        fails. It is done all the same: who is told that it is not loses a new key,
        whose secret stands in the answer and nowhere else."""
        async with told_to_clients():
            yield
        try:
            await self._read()
        except StoreUnavailable as error:
            logger.warning("a change was made, but cannot be read now: %s", error)

    async def _read(self) -> Snapshot:
        async with self._reading:
            snapshot = await self._accounts.snapshot()
            self._know(snapshot)
        return snapshot

    def _know(self, snapshot: Snapshot) -> None:
        if snapshot.version < self._version:
            self._sent.clear()  # the database was set back: numbers come again
        if snapshot.version != self._version:
            self._version = snapshot.version
            self._stored = {tenant.id: tenant for tenant in snapshot.tenants}
            self._book.know({**self._configured, **self._stored})
        self._latest = snapshot
        self._sent[snapshot.version] = snapshot
        while len(self._sent) > _VERSIONS_KEPT:
            del self._sent[min(self._sent)]

    def _learn(self, terms: TenantConfig | None) -> None:
        """A configured tenant may have been changed since, or be new."""
        if terms is None or terms.id in self._stored:
            return
        if self._configured.get(terms.id) != terms:
            self._configured[terms.id] = terms
            self._book.know({**self._configured, **self._stored})
