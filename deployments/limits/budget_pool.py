"""A tenant's budget in one period: its pool, and what is told of it."""

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deployments.budget_period import Period, period_of
from deployments.limits.allowances import Pool
from deployments.limits.ledger_protocol import BudgetState
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import TenantConfig

# Of its whole. Where less of a budget can be handed out, it is short.
_SHORT = 1 / 4


@dataclass(slots=True)
class BudgetPool(Pool):
    """`stale`: the tenant's periods are others since, or it was gone for a while. What
    it counts as consumed may lack something, its leases are still true. `read_at`: when
    all of it was read, a unix time. `was_short`: when somebody last asked.
    """

    period: Period = field(kw_only=True)
    read_at: float = field(kw_only=True)
    stale: bool = False
    was_short: bool = False

    @property
    def is_short(self) -> bool:
        """Whether what replicas hold and do not use is soon missed."""
        return self.available < _SHORT * self.capacity

    def know(self, tenant: TenantConfig | None) -> None:
        """The tenant is this one from now on; None: it is gone."""
        self.capacity = capacity_of(tenant)
        if tenant is None or period_at(tenant, start_of(self.period)) != self.period:
            self.stale = True

    def state(self, tenant: TenantConfig) -> BudgetState:
        """As it is now."""
        return BudgetState(
            tenant=tenant.id,
            spend=self.consumed,
            leased=sum(self.leases.values()),
            max_budget=tenant.max_budget,
            soft_budget=tenant.soft_budget,
            start=self.period.start,
            end=self.period.end,
        )


def capacity_of(tenant: TenantConfig | None) -> float:
    """USD; infinite where there is no limit."""
    if tenant is None or tenant.max_budget is None:
        return math.inf
    return tenant.max_budget


def period_at(tenant: TenantConfig, at: float) -> Period:
    """The tenant's period at a unix time."""
    moment = datetime.fromtimestamp(at, UTC)
    return period_of(moment, tenant.budget_duration, tenant.budget_timezone)


def start_of(period: Period) -> int:
    """Unix time: what a pool and its leases are known by."""
    return int(period.start.timestamp())


def tightest(
    pools: Mapping[tuple[str, int], BudgetPool],
    tenants: Mapping[str, TenantConfig],
    n: int,
    now: float,
) -> list[BudgetLeft]:
    """The `n` tenants with the least share left, of those that have a pool of now."""
    moment = datetime.fromtimestamp(now, UTC)
    limited = {
        tenant_id: pool
        for (tenant_id, _), pool in pools.items()
        if pool.period.start <= moment < pool.period.end
        and not pool.stale
        and tenant_id in tenants
        and math.isfinite(pool.capacity)
    }
    tight = heapq.nsmallest(n, limited.items(), key=lambda item: item[1].left_share)
    return [
        BudgetLeft(name, pool.capacity, max(0.0, pool.capacity - pool.consumed))
        for name, pool in tight
    ]
