"""Pools of budgets as they are in memory, and as SQL has them.

There may be another Ledger for a while, of a cluster that takes over from this one or
from which this one takes over. It grants, takes in and ends on the same tables; so what
is in memory is read again now and then, and a commit whose answer was lost is found.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from deployments.budget_period import Period
from deployments.limits.budget_pool import BudgetPool, start_of
from deployments.limits.unclaimed_leases import UnclaimedLeases
from deployments.store.lease_store import BudgetKey, Held
from deployments.store.usage_query import Charge
from deployments.tenancy import TenantConfig

_TRUSTED_S = 5.0
_READ_AT_ONCE = 500

# Of a replica's lease: the replica, and the key of its budget.
LeaseKey = tuple[str, str, int]


class LeaseBook(Protocol):
    """Open leases of budgets, kept where they outlive the Ledger, beside the spend."""

    async def all(self) -> Sequence[tuple[str, str, int, float]]:
        """(replica, tenant, start of the period, USD) of each."""

    async def read(self, pools: Mapping[BudgetKey, Period]) -> dict[BudgetKey, Held]:
        """As of one moment: what passes from leases to spend counts once."""

    async def put(self, held: Sequence[tuple[str, str, int, float]]) -> None:
        """The whole of each lease as it is now, as `all` tells them; 0 = there is none.
        All in one transaction."""

    async def end(self, replica: str, tenants: Collection[str] | None) -> None:
        """It holds nothing more, of these tenants or of any."""


class BudgetPools:
    """By tenant and start of the period, made as they are asked for.

    One call at a time: pools are read and changed between waits for SQL. Many are read
    and written together: a transaction costs much more than what is in it.
    """

    def __init__(self, leases: LeaseBook) -> None:
        self._leases = leases
        self._pools: dict[BudgetKey, BudgetPool] = {}
        self._starts: dict[str, set[int]] = {}  # of a tenant's pools
        self._tenants: Mapping[str, TenantConfig] = {}
        self._unclaimed = UnclaimedLeases()
        # Leases as they are here, which SQL does not say yet.
        self._unwritten: set[LeaseKey] = set()

    @property
    def all(self) -> Mapping[BudgetKey, BudgetPool]:
        """Those that are in memory."""
        return self._pools

    def of(self, tenant_id: str) -> Iterator[BudgetPool]:
        """Those of a tenant that are in memory."""
        for start in self._starts.get(tenant_id, ()):
            yield self._pools[tenant_id, start]

    def know(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Budgets are those of these tenants, by id, from now on."""
        self._tenants = tenants
        for (tenant_id, _), pool in self._pools.items():
            pool.know(tenants.get(tenant_id))

    async def current(
        self, wanted: Sequence[tuple[TenantConfig, Period]], now: float
    ) -> list[BudgetPool]:
        """The pool of each; what is not in memory or no longer trusted is read."""
        keys = [(tenant.id, start_of(period)) for tenant, period in wanted]
        old = {
            key: period
            for key, (_, period) in zip(keys, wanted, strict=True)
            if not self._is_trusted(key, now)
        }
        if any(key[1:] in old for key in self._unwritten):
            await self.write()
        for at in range(0, len(old), _READ_AT_ONCE):
            await self._read(dict([*old.items()][at : at + _READ_AT_ONCE]), now)
        await self._forget_past(old)
        return [self._pools[key] for key in keys]

    def leave(self, replica: str, tenant_id: str, start: int, usd: float) -> None:
        """This lease was found, and of what budget it is may be known later."""
        self._unclaimed.add(replica, tenant_id, start, usd)

    def give_back(self, replica: str, tenant_id: str, start: int, usd: float) -> None:
        """A replica does not need this part of its lease."""
        pool = self._pools.get((tenant_id, start))
        if pool is not None:
            pool.give_back(replica, usd)
        elif not self._unclaimed.give_back(replica, tenant_id, start, usd):
            return
        self.changed(replica, tenant_id, start)

    def consume(self, charge: Charge, start: int | None) -> None:
        """It is in the store. `start`: of its period, None if its tenant is not known;
        a pool that is read later knows it from there."""
        pool = None if start is None else self._pools.get((charge.tenant, start))
        if pool is not None:
            pool.consume(charge.replica, charge.usd)
        else:
            start = self._unclaimed.consume(charge)
        if start is not None:
            self.changed(charge.replica, charge.tenant, start)

    def changed(self, replica: str, tenant_id: str, start: int) -> None:
        """This lease is to be written."""
        self._unwritten.add((replica, tenant_id, start))

    async def write(self) -> None:
        """All leases that were changed, as they are now. At once: they are of many
        tenants, and who asks for a lease waits until it is in."""
        keys = sorted(self._unwritten)
        if keys:
            await self._leases.put([(*key, self._amount(*key)) for key in keys])
            self._unwritten.difference_update(keys)

    async def end(self, replica: str, tenants: Collection[str] | None) -> None:
        """All leases of a replica, of these tenants or of all."""
        for tenant_id in self._starts if tenants is None else tenants:
            for pool in self.of(tenant_id):
                pool.forget(replica)
        self._unclaimed.end(replica, tenants)
        await self._leases.end(replica, tenants)

    def _is_trusted(self, key: BudgetKey, now: float) -> bool:
        pool = self._pools.get(key)
        return (
            pool is not None
            and not pool.stale
            and abs(now - pool.read_at) <= _TRUSTED_S
        )

    async def _read(self, old: Mapping[BudgetKey, Period], now: float) -> None:
        for key, (held, spend) in (await self._leases.read(old)).items():
            consumed = spend.cost_usd + spend.reserved_usd
            pool = BudgetPool(math.inf, consumed, held, period=old[key], read_at=now)
            tenant_id, start = key
            # The tenant may have been changed meanwhile.
            pool.know(self._tenants.get(tenant_id))
            self._pools[key] = pool
            self._starts.setdefault(tenant_id, set()).add(start)
            self._unclaimed.claim(tenant_id, start)

    def _amount(self, replica: str, tenant_id: str, start: int) -> float:
        pool = self._pools.get((tenant_id, start))
        if pool is None:
            return self._unclaimed.amount(replica, tenant_id, start)
        return pool.leases.get(replica, 0.0)

    async def _forget_past(self, asked: Collection[BudgetKey]) -> None:
        """Kept are the pools that are asked for and a tenant's last two periods': what
        a replica still holds of the last but one is reported there."""
        asked_starts: dict[str, set[int]] = {}
        for tenant_id, start in asked:
            asked_starts.setdefault(tenant_id, set()).add(start)
        past = [
            (tenant_id, start)
            for tenant_id, kept in asked_starts.items()
            for start in self._starts[tenant_id] - kept - self._last_two(tenant_id)
        ]
        for tenant_id, start in past:
            self._starts[tenant_id].discard(start)
            for replica in self._pools.pop((tenant_id, start)).leases:
                self.changed(replica, tenant_id, start)
        if past:
            await self.write()

    def _last_two(self, tenant_id: str) -> set[int]:
        present = (pool for pool in self.of(tenant_id) if not pool.stale)
        return set(sorted(start_of(pool.period) for pool in present)[-2:])
