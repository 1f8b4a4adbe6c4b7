"""Budgets of which replicas are to give back soon what they hold and do not use.

As long as much of a budget can be handed out, nobody misses what lies with replicas
that do not use it: a tenant that asks now and then would else cost a lease in SQL and
its end each time. Once it is short, whoever is given some keeps it no longer than it is
used, and who was given some before is told.
"""

from collections.abc import Mapping

from deployments.limits.budget_pool import BudgetPool
from deployments.limits.ledger_protocol import IDLE_S, Resource
from deployments.store.lease_store import BudgetKey

# What is not used of a budget that is not short is kept for so long.
_KEPT_S = 60.0
# Each replica calls every second; some calls are lost.
_TOLD_S = 10.0


class MissedBudgets:
    """By tenant and start of the period: since when others miss what replicas hold."""

    def __init__(self) -> None:
        self._since: dict[BudgetKey, float] = {}

    def idle_s(
        self, key: BudgetKey, pool: BudgetPool, now: float, amount: float
    ) -> float:
        """Of Grant, after so much was granted; 0: there was not so much."""
        # Of one that was short before, nobody has been given any to keep.
        if not pool.was_short and (pool.is_short or not amount):
            self._since[key] = now
        pool.was_short = pool.is_short
        return IDLE_S if pool.was_short else _KEPT_S

    def held_by(
        self, replica: str, pools: Mapping[BudgetKey, BudgetPool], now: float
    ) -> list[Resource]:
        """Those of which this one holds some."""
        for key in [k for k, at in self._since.items() if abs(now - at) > _TOLD_S]:
            del self._since[key]
        held = [(key, pools[key]) for key in self._since if key in pools]
        return [
            Resource("budget", key[0]) for key, pool in held if replica in pool.leases
        ]
