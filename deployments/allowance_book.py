"""The Ledger's side of allowances: which there are, how large, and who holds leases.

It never waits for SQL when a limit by the minute is leased. A lease of a budget is
written down before it is granted: a Ledger that dies and comes back knows what is out.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from deployments.allowances import Pool, RatePool
from deployments.budget_period import Period, period_of
from deployments.errors import NotFound
from deployments.ledger_protocol import Ask, BudgetState, Grant, Resource, Return
from deployments.store.usage_query import Charge, Spend
from deployments.tenancy import Limits, TenantConfig

_SLICE_S = 1.0  # how long a slice of a rate is good
_LATELY_S = 10.0
_FOREVER = 0


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


class AllowanceBook:
    """All pools, made as they are asked for."""

    def __init__(
        self,
        usage: SpendLike,
        leases: LeaseBook,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._usage = usage
        self._leases = leases
        self._clock = clock
        self._pools: dict[tuple[Resource, int], Pool] = {}
        self._tenants: dict[str, TenantConfig] = {}
        self._rates: dict[Resource, RatePool] = {}
        self._replicas: dict[str, float] = {}  # when each has asked last
        self._left_over: dict[tuple[Resource, int], dict[str, float]] = {}

    async def start(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Take up what an earlier Ledger has handed out."""
        self.know(tenants)
        for replica, tenant, period, amount in await self._leases.all():
            key = Resource("budget", tenant), period
            self._left_over.setdefault(key, {})[replica] = amount

    def know(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Limits and budgets are those of these tenants, by id, from now on."""
        self._tenants = dict(tenants)
        for (resource, _), pool in self._pools.items():
            capacity = self._capacity(resource)
            pool.capacity = math.inf if capacity is None else capacity

    async def lease(self, replica: str, ask: Ask) -> Grant | None:
        """A slice; None if the resource has no limit."""
        capacity = self._capacity(ask.resource)
        if capacity is None:
            return None
        self._replicas[replica] = self._clock()
        if ask.resource.kind in {"rpm", "tpm"}:
            return self._lease_rate(ask, capacity)
        start, resets_at, expires_at = self._period(ask.resource)
        pool = await self._pool(ask.resource, start, capacity)
        amount = pool.lease(replica, ask.need)
        if amount and ask.resource.kind == "budget":
            tenant = ask.resource.tenant
            await self._leases.put(replica, tenant, start, pool.leases[replica])
        left = pool.available
        return Grant(amount, capacity, left, resets_at, expires_at, start)

    def _lease_rate(self, ask: Ask, capacity: float) -> Grant:
        now = self._clock()
        pool = self._rates.setdefault(ask.resource, RatePool(capacity))
        pool.capacity = capacity
        amount = pool.lease(ask.need, now, self._n_replicas(now))
        resets_at = None if amount else pool.more_at(ask.need, now)
        expires_at = now + _SLICE_S
        left = pool.available(now)
        return Grant(amount, capacity, left, resets_at, expires_at, int(now))

    def _n_replicas(self, now: float) -> int:
        """Those that have asked for anything lately."""
        return sum(now - at < _LATELY_S for at in self._replicas.values())

    async def give_back(self, replica: str, back: Return) -> None:
        """A part of a lease is not needed."""
        if rate := self._rates.get(back.resource):
            rate.give_back(back.period, back.amount)
            return
        pool = self._pools.get((back.resource, back.period))
        if pool is None:
            return
        pool.give_back(replica, back.amount)
        if back.resource.kind == "budget":
            left = pool.leases.get(replica, 0.0)
            await self._leases.put(replica, back.resource.tenant, back.period, left)

    async def charge(self, charges: Sequence[Charge]) -> None:
        """Usage was taken into the store: it is consumed, and leased no longer."""
        touched: set[tuple[str, str, int]] = set()
        for charge in charges:
            tenant = self._tenants.get(charge.tenant)
            if tenant is None:
                continue
            start = int(_budget_period(tenant, charge.at).start.timestamp())
            pool = self._pools.get((Resource("budget", charge.tenant), start))
            if pool is not None:
                pool.consume(charge.replica, charge.usd)
                touched.add((charge.replica, charge.tenant, start))
        for replica, tenant_id, start in sorted(touched):
            pool = self._pools[Resource("budget", tenant_id), start]
            left = pool.leases.get(replica, 0.0)
            await self._leases.put(replica, tenant_id, start, left)

    async def close_replica(self, replica: str) -> None:
        """End all leases of a replica that is gone."""
        for (resource, period), pool in self._pools.items():
            if replica in pool.leases:
                pool.forget(replica)
                if resource.kind == "budget":
                    await self._leases.put(replica, resource.tenant, period, 0.0)
        for (resource, period), leases in self._left_over.items():
            if leases.pop(replica, None) is not None:
                await self._leases.put(replica, resource.tenant, period, 0.0)

    async def budget(self, tenant_id: str) -> BudgetState:
        """As it is now."""
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            message = f"There is no tenant {tenant_id!r}."
            raise NotFound(message, code="tenant_not_found")
        period = _budget_period(tenant, self._clock())
        start = int(period.start.timestamp())
        resource = Resource("budget", tenant_id)
        pool = await self._pool(resource, start, tenant.max_budget or math.inf)
        return BudgetState(
            tenant=tenant_id,
            spend=pool.consumed,
            leased=sum(pool.leases.values()),
            max_budget=tenant.max_budget,
            soft_budget=tenant.soft_budget,
            start=period.start,
            end=period.end,
        )

    async def _pool(self, resource: Resource, start: int, capacity: float) -> Pool:
        key = resource, start
        if key not in self._pools:
            consumed = await self._spent(resource)
            leases = self._left_over.pop(key, {})
            # Another call may have made it while this one waited for SQL.
            self._pools.setdefault(key, Pool(capacity, consumed, leases))
            self._forget_past(resource, start)
        return self._pools[key]

    async def _spent(self, resource: Resource) -> float:
        if resource.kind != "budget":
            return 0.0
        tenant = self._tenants[resource.tenant]
        period = _budget_period(tenant, self._clock())
        spend = await self._usage.spend_of(tenant.id, period.start, period.end)
        return spend.cost_usd + spend.reserved_usd

    def _forget_past(self, resource: Resource, start: int) -> None:
        """Of budgets the last period but one is kept: what a replica still holds of it
        is reported there."""
        mine = sorted(period for known, period in self._pools if known == resource)
        for period in mine[:-2]:
            del self._pools[resource, period]

    def _period(self, resource: Resource) -> tuple[int, float | None, float | None]:
        """Start, when it begins anew, when a lease of it ends."""
        if resource.kind == "parallel":
            return _FOREVER, None, None
        period = _budget_period(self._tenants[resource.tenant], self._clock())
        end = period.end.timestamp()
        return int(period.start.timestamp()), end, end

    def _capacity(self, resource: Resource) -> float | None:
        tenant = self._tenants.get(resource.tenant)
        if tenant is None:
            return None
        if resource.kind == "budget":
            return tenant.max_budget
        limits: Limits = tenant
        if resource.key_id is not None:
            found = (key for key in tenant.keys if key.key_id == resource.key_id)
            limits = next(found, Limits())
        return {
            "rpm": limits.rpm_limit,
            "tpm": limits.tpm_limit,
            "parallel": limits.max_parallel_requests,
        }[resource.kind]


def _budget_period(tenant: TenantConfig, at: float) -> Period:
    moment = datetime.fromtimestamp(at, UTC)
    return period_of(moment, tenant.budget_duration, tenant.budget_timezone)
