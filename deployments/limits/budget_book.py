"""The Ledger's side of budgets: a pool for each tenant and period.

A lease is written down before it is granted: a Ledger that dies and comes back knows
what is out. One call at a time: pools are read and changed between waits for SQL.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from deployments.budget_period import Period, period_of
from deployments.limits.allowances import Pool
from deployments.limits.ledger_protocol import BudgetState, Grant, Return
from deployments.limits.soft_budgets import SoftBudgets
from deployments.store.usage_query import Charge, Spend
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import TenantConfig


class LeaseBook(Protocol):
    """Open leases of budgets, kept where they outlive the Ledger."""

    async def all(self) -> Sequence[tuple[str, str, int, float]]:
        """(replica, tenant, start of the period, USD) of each."""

    async def put(
        self, replica: str, tenant: str, period: int, amount_usd: float
    ) -> None:
        """The whole of a lease as it is now; 0 = there is none."""


class SpendLike(Protocol):
    """The part of the usage store that is needed here."""

    async def spend_of(self, tenant_id: str, start: datetime, end: datetime) -> Spend:
        """What a tenant spent in a period."""


class BudgetBook:
    """Pools by tenant and start of the period, made as they are asked for.

    A tenant whose periods are changed begins a new pool: what replicas hold of the old
    one may be spent beside it.
    """

    def __init__(self, usage: SpendLike, leases: LeaseBook) -> None:
        self._usage = usage
        self._leases = leases
        self._pools: dict[tuple[str, int], Pool] = {}
        self._tenants: Mapping[str, TenantConfig] = {}
        self._soft = SoftBudgets()

    async def start(self) -> None:
        """Take up what an earlier Ledger has handed out."""
        for replica, tenant_id, start, amount in await self._leases.all():
            if tenant_id in self._tenants:
                pool = await self._pool(self._tenants[tenant_id], start)
                pool.leases[replica] = amount
            else:
                await self._leases.put(replica, tenant_id, start, 0.0)

    def know(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Budgets are those of these tenants, by id, from now on."""
        self._tenants = tenants
        for (tenant_id, start), pool in self._pools.items():
            pool.capacity = _capacity(tenants.get(tenant_id))
            if tenant := tenants.get(tenant_id):
                self._soft.look(_state(tenant, pool, _period(tenant, start)))
        self._soft.keep(tenants)

    async def lease(
        self, replica: str, tenant: TenantConfig, need: float, now: float
    ) -> Grant:
        """A slice, in USD."""
        period = _period(tenant, now)
        start, end = (int(at.timestamp()) for at in (period.start, period.end))
        pool = await self._pool(tenant, start)
        amount = pool.lease(replica, need)
        if amount:
            try:
                await self._write(replica, tenant.id, start)
            except BaseException:
                pool.give_back(replica, amount)
                raise
        return Grant(amount, pool.capacity, pool.available, end, end - now, start)

    async def give_back(self, replica: str, back: Return) -> None:
        """A part of a lease is not needed, or all of it."""
        tenant_id = back.resource.tenant
        if back.rest:
            await self._end(replica, tenant_id)
        elif pool := self._pools.get((tenant_id, back.period)):
            pool.give_back(replica, back.amount)
            await self._write(replica, tenant_id, back.period)

    async def charge(self, charges: Sequence[Charge]) -> None:
        """Usage was taken into the store: it is consumed, and leased no longer."""
        touched: set[tuple[str, str, int]] = set()
        soft: set[tuple[str, int]] = set()
        for charge in charges:
            tenant = self._tenants.get(charge.tenant)
            if tenant is None:
                continue
            start = int(_period(tenant, charge.at).start.timestamp())
            if pool := self._pools.get((charge.tenant, start)):
                pool.consume(charge.replica, charge.usd)
                touched.add((charge.replica, charge.tenant, start))
            if tenant.soft_budget is not None:
                soft.add((charge.tenant, start))
        for replica, tenant_id, start in sorted(touched):
            await self._write(replica, tenant_id, start)
        for tenant_id, start in sorted(soft):
            tenant = self._tenants[tenant_id]
            # A pool that is new knows these charges from the store.
            pool = await self._pool(tenant, start)
            self._soft.look(_state(tenant, pool, _period(tenant, start)))

    def soft_budgets_reached(self, now: float) -> list[BudgetState]:
        """As of now, of those that were charged since the start."""
        return self._soft.reached(now)

    async def close_replica(self, replica: str) -> None:
        """End all leases of a replica that is gone."""
        await self._end(replica, None)

    async def _end(self, replica: str, of: str | None) -> None:
        """All leases of a replica, of one tenant or of all."""
        for (tenant_id, start), pool in list(self._pools.items()):
            if replica in pool.leases and of in {None, tenant_id}:
                pool.forget(replica)
                await self._write(replica, tenant_id, start)

    async def state(self, tenant: TenantConfig, now: float) -> BudgetState:
        """As it is now."""
        period = _period(tenant, now)
        pool = await self._pool(tenant, int(period.start.timestamp()))
        return _state(tenant, pool, period)

    def tightest(self, n: int, now: float) -> list[BudgetLeft]:
        """The `n` tenants with the least share left, of those that were asked for."""
        latest: dict[str, tuple[int, Pool]] = {}
        for (tenant_id, start), pool in self._pools.items():
            if start >= latest.get(tenant_id, (start, pool))[0]:
                latest[tenant_id] = start, pool
        limited = (
            (pool.left_share, tenant_id)
            for tenant_id, (_, pool) in latest.items()
            if math.isfinite(pool.capacity) and tenant_id in self._tenants
        )
        found = []
        for _, tenant_id in heapq.nsmallest(n, limited):
            start, pool = latest[tenant_id]
            period = _period(self._tenants[tenant_id], now)
            if start == int(period.start.timestamp()):
                left_usd = max(0.0, pool.capacity - pool.consumed)
                found.append(BudgetLeft(tenant_id, pool.capacity, left_usd))
        return found

    async def _pool(self, tenant: TenantConfig, start: int) -> Pool:
        key = tenant.id, start
        if key not in self._pools:
            period = _period(tenant, start)
            spend = await self._usage.spend_of(tenant.id, period.start, period.end)
            consumed = spend.cost_usd + spend.reserved_usd
            # The tenant may have been changed meanwhile.
            capacity = _capacity(self._tenants.get(tenant.id))
            self._pools[key] = Pool(capacity, consumed)
            await self._forget_past(tenant.id)
        return self._pools[key]

    async def _write(self, replica: str, tenant_id: str, start: int) -> None:
        """A lease as it is now."""
        amount = self._pools[tenant_id, start].leases.get(replica, 0.0)
        await self._leases.put(replica, tenant_id, start, amount)

    async def _forget_past(self, tenant_id: str) -> None:
        """The last period but one is kept: what a replica still holds of it is
        reported there."""
        mine = sorted(start for known, start in self._pools if known == tenant_id)
        for start in mine[:-2]:
            for replica in self._pools.pop((tenant_id, start)).leases:
                await self._leases.put(replica, tenant_id, start, 0.0)


def _state(tenant: TenantConfig, pool: Pool, period: Period) -> BudgetState:
    return BudgetState(
        tenant=tenant.id,
        spend=pool.consumed,
        leased=sum(pool.leases.values()),
        max_budget=tenant.max_budget,
        soft_budget=tenant.soft_budget,
        start=period.start,
        end=period.end,
    )


def _capacity(tenant: TenantConfig | None) -> float:
    """USD; infinite where there is no limit."""
    if tenant is None or tenant.max_budget is None:
        return math.inf
    return tenant.max_budget


def _period(tenant: TenantConfig, at: float) -> Period:
    moment = datetime.fromtimestamp(at, UTC)
    return period_of(moment, tenant.budget_duration, tenant.budget_timezone)
