"""The Ledger's side of budgets: a pool for each tenant and period.

A lease is written down before it is granted: a Ledger that dies and comes back knows
what is out. One call at a time: pools are read and changed between waits for SQL.

There may be another Ledger for a while, of a cluster that takes over from this one or
from which this one takes over. It grants, takes in and ends on the same tables; so what
is in memory is read again now and then, and a commit whose answer was lost is found.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from deployments.budget_period import Period
from deployments.limits.budget_pool import (
    BudgetPool,
    period_at,
    start_of,
    tightest,
)
from deployments.limits.ledger_protocol import BudgetState, Grant, Return
from deployments.limits.soft_budgets import SoftBudgets
from deployments.store.usage_query import Charge, Spend
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import TenantConfig

_TRUSTED_S = 30.0
# No period is longer: what is still out of an older one is nobody's.
_LONGEST_S = 32 * 86_400

# The replica, the tenant, the start of the period.
_Key = tuple[str, str, int]


class LeaseBook(Protocol):
    """Open leases of budgets, kept where they outlive the Ledger."""

    async def all(self) -> Sequence[tuple[str, str, int, float]]:
        """(replica, tenant, start of the period, USD) of each."""

    async def of(self, tenant: str, period: int) -> dict[str, float]:
        """USD by the replica that holds them."""

    async def put(self, held: Sequence[tuple[str, str, int, float]]) -> None:
        """The whole of each lease as it is now, as `all` tells them; 0 = there is none.
        All in one transaction."""

    async def end(self, replica: str, tenant: str | None) -> None:
        """It holds nothing more, of one tenant or of any."""


class SpendLike(Protocol):
    """The part of the usage store that is needed here."""

    async def spend_of(self, tenant_id: str, start: datetime, end: datetime) -> Spend:
        """What a tenant spent in a period."""


class BudgetBook:
    """Pools by tenant and start of the period, made as they are asked for.

    A tenant whose periods are changed begins a new pool: what replicas hold of the old
    one may be spent beside it, and is counted in the new one when it is. Where both
    begin at the same time, the new one takes over the leases.
    """

    def __init__(self, usage: SpendLike, leases: LeaseBook) -> None:
        self._usage = usage
        self._leases = leases
        self._pools: dict[tuple[str, int], BudgetPool] = {}
        self._starts: dict[str, set[int]] = {}  # of a tenant's pools
        self._tenants: Mapping[str, TenantConfig] = {}
        self._soft = SoftBudgets()
        # Leases as they are here, which SQL does not say yet: it was away.
        self._unwritten: set[_Key] = set()

    async def start(self, now: float) -> None:
        """Take up what an earlier Ledger has handed out.

        What tenants hold that are not known yet is left as it is: those that stand in
        the Gateways' configuration are known when they ask.
        """
        for replica, tenant_id, start, _ in await self._leases.all():
            tenant = self._tenants.get(tenant_id)
            period = period_at(tenant, start) if tenant else None
            if tenant and period and start_of(period) == start:
                await self._pool(tenant, period, now)
            elif tenant or now - start > _LONGEST_S:
                await self._leases.put([(replica, tenant_id, start, 0.0)])

    def know(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Budgets are those of these tenants, by id, from now on."""
        self._tenants = tenants
        for (tenant_id, _), pool in self._pools.items():
            tenant = tenants.get(tenant_id)
            pool.know(tenant)
            if tenant and not pool.stale:
                self._soft.look(pool.state(tenant))
        self._soft.keep(self._is_present)

    async def lease(
        self, replica: str, tenant: TenantConfig, need: float, now: float
    ) -> Grant:
        """A slice, in USD."""
        period = period_at(tenant, now)
        start, end = start_of(period), int(period.end.timestamp())
        pool = await self._pool(tenant, period, now)
        amount = pool.lease(replica, need)
        if amount:
            try:
                await self._write([(replica, tenant.id, start)])
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
            await self._write([(replica, tenant_id, back.period)])

    async def charge(self, charges: Sequence[Charge], now: float) -> None:
        """Usage was taken into the store: it is consumed, and leased no longer."""
        touched: set[_Key] = set()
        soft: dict[tuple[str, int], Period] = {}
        for charge in charges:
            tenant = self._tenants.get(charge.tenant)
            if tenant is None:
                continue
            period = period_at(tenant, charge.at)
            start = start_of(period)
            if pool := self._pools.get((charge.tenant, start)):
                pool.consume(charge.replica, charge.usd)
                touched.add((charge.replica, charge.tenant, start))
            if tenant.soft_budget is not None:
                soft[charge.tenant, start] = period
        self._unwritten |= touched
        await self._write(sorted(touched))
        for (tenant_id, _), period in sorted(soft.items()):
            # The tenant may be gone by now, or have other periods.
            tenant = self._tenants.get(tenant_id)
            if tenant and period_at(tenant, start_of(period)) == period:
                # A pool that is new knows these charges from the store.
                pool = await self._pool(tenant, period, now)
                self._soft.look(pool.state(tenant))

    def distrust(self, tenants: Collection[str]) -> None:
        """What these have spent is read again before more is leased."""
        for (tenant_id, _), pool in self._pools.items():
            if tenant_id in tenants:
                pool.read_at = -math.inf

    def soft_budgets_reached(self, now: float) -> list[BudgetState]:
        """As of now, of those that were charged since the start."""
        return self._soft.reached(now)

    async def close_replica(self, replica: str) -> None:
        """End all leases of a replica that is gone."""
        await self._end(replica, None)

    async def _end(self, replica: str, of: str | None) -> None:
        """All leases of a replica, of one tenant or of all."""
        for (tenant_id, _), pool in self._pools.items():
            if of in {None, tenant_id}:
                pool.forget(replica)
        await self._leases.end(replica, of)

    async def state(self, tenant: TenantConfig, now: float) -> BudgetState:
        """As it is now."""
        pool = await self._pool(tenant, period_at(tenant, now), now)
        return pool.state(tenant)

    def tightest(self, n: int, now: float) -> list[BudgetLeft]:
        """The `n` tenants with the least share left, of those that were asked for."""
        return tightest(self._pools, self._tenants, n, now)

    async def _pool(
        self, tenant: TenantConfig, period: Period, now: float
    ) -> BudgetPool:
        start = start_of(period)
        pool = self._pools.get((tenant.id, start))
        if pool is None or pool.stale or abs(now - pool.read_at) > _TRUSTED_S:
            mine = (tenant.id, start)
            await self._write(sorted(k for k in self._unwritten if k[1:] == mine))
            # In this order: what passes from one to the other counts twice, at most.
            leases = await self._leases.of(tenant.id, start)
            spend = await self._usage.spend_of(tenant.id, period.start, period.end)
            consumed = spend.cost_usd + spend.reserved_usd
            pool = BudgetPool(math.inf, consumed, leases, period=period, read_at=now)
            # The tenant may have been changed meanwhile.
            pool.know(self._tenants.get(tenant.id))
            self._pools[tenant.id, start] = pool
            self._starts.setdefault(tenant.id, set()).add(start)
            await self._forget_past(tenant.id, start)
        return pool

    async def _write(self, keys: Sequence[_Key]) -> None:
        """Leases as they are now. At once: a batch of records is of many tenants, and
        who asks for a lease waits until it is in."""
        if not keys:
            return
        self._unwritten.update(keys)
        await self._leases.put([(*key, self._amount(*key)) for key in keys])
        self._unwritten.difference_update(keys)

    def _amount(self, replica: str, tenant_id: str, start: int) -> float:
        pool = self._pools.get((tenant_id, start))
        return pool.leases.get(replica, 0.0) if pool else 0.0

    async def _forget_past(self, tenant_id: str, asked: int) -> None:
        """Kept are the pool that is asked for and the last two periods': what a replica
        still holds of the last but one is reported there."""
        starts = self._starts[tenant_id]
        mine = {start: self._pools[tenant_id, start] for start in starts}
        present = sorted(start for start, pool in mine.items() if not pool.stale)
        for start in mine.keys() - {asked, *present[-2:]}:
            starts.discard(start)
            held = self._pools.pop((tenant_id, start)).leases
            gone = [(replica, tenant_id, start, 0.0) for replica in held]
            if gone:
                await self._leases.put(gone)

    def _is_present(self, state: BudgetState) -> bool:
        """Whether it is of a tenant that there is, and of one of its periods."""
        tenant = self._tenants.get(state.tenant)
        period = Period(state.start, state.end)
        return tenant is not None and period_at(tenant, start_of(period)) == period
