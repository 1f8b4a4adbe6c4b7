"""The Ledger's side of budgets: a pool for each tenant and period.

A lease is written down before it is granted: a Ledger that dies and comes back knows
what is out. One call at a time: pools are read and changed between waits for SQL.
"""

import math
from collections.abc import Collection, Mapping, Sequence

from deployments.budget_period import Period
from deployments.limits.budget_pool import BudgetPool, period_at, start_of, tightest
from deployments.limits.budget_pools import BudgetPools, LeaseBook
from deployments.limits.ledger_protocol import (
    Ask,
    BudgetState,
    Grant,
    Resource,
    Return,
)
from deployments.limits.missed_budgets import MissedBudgets
from deployments.limits.soft_budgets import SoftBudgets
from deployments.store.lease_store import BudgetKey
from deployments.store.usage_query import Charge
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import TenantConfig

# No period is longer: what is still out of an older one is nobody's.
_LONGEST_S = 32 * 86_400


class BudgetBook:
    """Pools by tenant and start of the period, made as they are asked for.

    A tenant whose periods are changed begins a new pool: what replicas hold of the old
    one may be spent beside it, and is counted in the new one when it is. Where both
    begin at the same time, the new one takes over the leases.
    """

    def __init__(self, leases: LeaseBook) -> None:
        self._leases = leases
        self._pools = BudgetPools(leases)
        self._tenants: Mapping[str, TenantConfig] = {}
        self._soft = SoftBudgets()
        self._missed = MissedBudgets()

    async def start(self, now: float) -> None:
        """Take up what an earlier Ledger has handed out.

        What is held of tenants, or of periods, that are not known yet is left as it is:
        those that stand in the Gateways' configuration are known when they ask.
        """
        open_pools: dict[BudgetKey, tuple[TenantConfig, Period]] = {}
        ended: list[tuple[str, str, int, float]] = []
        for replica, tenant_id, start, usd in await self._leases.all():
            tenant = self._tenants.get(tenant_id)
            period = period_at(tenant, start) if tenant else None
            if tenant and period and start_of(period) == start:
                open_pools[tenant_id, start] = tenant, period
            elif now - start > _LONGEST_S:
                ended.append((replica, tenant_id, start, 0.0))
            else:
                self._pools.leave(replica, tenant_id, start, usd)
        if ended:
            await self._leases.put(ended)
        await self._pools.current([*open_pools.values()], now)
        # The one before it may still grant while replicas do not know of this one.
        self.distrust({tenant_id for tenant_id, _ in open_pools})

    def know(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Budgets are those of these tenants, by id, from now on."""
        self._tenants = tenants
        self._pools.know(tenants)
        for (tenant_id, _), pool in self._pools.all.items():
            tenant = tenants.get(tenant_id)
            if tenant and not pool.stale:
                self._soft.look(pool.state(tenant))
        self._soft.keep(self._is_present)

    async def lease(
        self, asks: Sequence[tuple[str, Ask]], now: float
    ) -> list[Grant | None]:
        """Slices, in USD, by what each replica asks for; None where there is no budget.

        All are written down together, and none is granted if that fails.
        """
        for replica, ask in asks:
            for back in ask.returns:
                self._take_back(replica, back)
        limited = {
            tenant.id: (tenant, period_at(tenant, now))
            for _, ask in asks
            if (tenant := self._tenants.get(ask.resource.tenant))
            and tenant.max_budget is not None
        }
        found = await self._pools.current([*limited.values()], now)
        # Of some the budget may have ended meanwhile, or the tenant is gone.
        pools = {
            tenant_id: pool
            for tenant_id, pool in zip(limited, found, strict=True)
            if math.isfinite(pool.capacity)
        }
        grants: list[Grant | None] = []
        for replica, ask in asks:
            pool = pools.get(ask.resource.tenant)
            grants.append(self._grant(replica, ask, pool, now) if pool else None)
        try:
            await self._pools.write()
        except BaseException:
            for (replica, ask), grant in zip(asks, grants, strict=True):
                if grant is not None:
                    pools[ask.resource.tenant].give_back(replica, grant.amount)
            raise
        return grants

    async def give_back(self, replica: str, returns: Sequence[Return]) -> None:
        """Parts of leases are not needed, or all of them."""
        for back in returns:
            self._take_back(replica, back)
        await self._pools.write()
        if rest := {back.resource.tenant for back in returns if back.rest}:
            await self._pools.end(replica, rest)

    async def charge(self, charges: Sequence[Charge], now: float) -> None:
        """Usage was taken into the store: it is consumed, and leased no longer."""
        soft: dict[BudgetKey, Period] = {}
        for charge in charges:
            tenant = self._tenants.get(charge.tenant)
            period = period_at(tenant, charge.at) if tenant else None
            start = start_of(period) if period else None
            self._pools.consume(charge, start)
            if tenant and period and tenant.soft_budget is not None:
                soft[charge.tenant, start_of(period)] = period
        await self._pools.write()
        # A tenant may be gone by now, or have other periods.
        looked_at = [
            (tenant, period)
            for (tenant_id, _), period in sorted(soft.items())
            if (tenant := self._tenants.get(tenant_id))
            and period_at(tenant, start_of(period)) == period
        ]
        # A pool that is new knows these charges from the store.
        pools = await self._pools.current(looked_at, now)
        for (tenant, _), pool in zip(looked_at, pools, strict=True):
            self._soft.look(pool.state(tenant))

    def distrust(self, tenants: Collection[str]) -> None:
        """What these have spent is read again before more is leased."""
        for tenant_id in tenants:
            for pool in self._pools.of(tenant_id):
                pool.read_at = -math.inf

    def soft_budgets_reached(self, now: float) -> list[BudgetState]:
        """As of now, of those that were charged since the start."""
        return self._soft.reached(now)

    async def close_replica(self, replica: str) -> None:
        """End all leases of a replica that is gone."""
        await self._pools.end(replica, None)

    async def state(self, tenant: TenantConfig, now: float) -> BudgetState:
        """As it is now."""
        [pool] = await self._pools.current([(tenant, period_at(tenant, now))], now)
        return pool.state(tenant)

    def tightest(self, n: int, now: float) -> list[BudgetLeft]:
        """The `n` tenants with the least share left, of those that were asked for."""
        return tightest(self._pools.all, self._tenants, n, now)

    def wanted_of(self, replica: str, now: float) -> list[Resource]:
        """Budgets that have become short, of which this one holds some."""
        return self._missed.held_by(replica, self._pools.all, now)

    def _grant(self, replica: str, ask: Ask, pool: BudgetPool, now: float) -> Grant:
        amount = pool.lease(replica, ask.need)
        start, end = start_of(pool.period), int(pool.period.end.timestamp())
        key = ask.resource.tenant, start
        idle_s = self._missed.idle_s(key, pool, now, amount)
        if amount:
            self._pools.changed(replica, *key)
        left, good_for_s = pool.available, end - now
        return Grant(amount, pool.capacity, left, end, good_for_s, start, idle_s)

    def _take_back(self, replica: str, back: Return) -> None:
        if not back.rest:
            tenant_id = back.resource.tenant
            self._pools.give_back(replica, tenant_id, back.period, back.amount)

    def _is_present(self, state: BudgetState) -> bool:
        """Whether it is of a tenant that there is, and of one of its periods."""
        tenant = self._tenants.get(state.tenant)
        period = Period(state.start, state.end)
        return tenant is not None and period_at(tenant, start_of(period)) == period
