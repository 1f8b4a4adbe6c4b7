"""The Ledger's side of allowances: which there are, how large, and who holds leases.

Where a limit and not a budget is leased, nothing waits for SQL. Limits are in memory
only. So after a new start of the Ledger, replicas may hold places for parallel requests
of the old one beside those of the new one, until their requests end.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from deployments.errors import NotFound
from deployments.limits.allowances import Pool
from deployments.limits.budget_book import BudgetBook
from deployments.limits.budget_pools import LeaseBook
from deployments.limits.ledger_protocol import Ask, BudgetState, Grant, Resource, Return
from deployments.limits.rate_book import RateBook
from deployments.store.usage_query import Charge
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import Limits, TenantConfig

_RATES = ("rpm", "tpm")
_FOREVER = 0
# A replica that was not heard of for so long has no requests under way.
_SILENT_S = 60.0
# Each calls every second. Where none was heard of for so long, it is this Ledger that
# was cut off or stood still, or its clock was set: that is no silence of theirs.
_DEAF_S = 10.0
# So long after a place was refused, whoever is given one keeps it only while it is
# used: others may have free ones of which they do not know that they are wanted.
_WANTED_S = 300.0
_PLACE_S = 0.1


class AllowanceBook:
    """All pools, made as they are asked for."""

    def __init__(
        self,
        leases: LeaseBook,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._tenants: dict[str, TenantConfig] = {}
        self._budgets = BudgetBook(leases)
        self._rates = RateBook()
        self._places: dict[Resource, Pool] = {}
        self._refused: dict[Resource, float] = {}  # places: when there was none left
        self._heard: dict[str, float] = {}  # when, by the replica
        self._heard_any = 0.0  # when, of whichever

    async def start(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Take up what an earlier Ledger has handed out."""
        self.know(tenants)
        await self._budgets.start(self._clock())

    def know(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Limits and budgets are those of these tenants, by id, from now on."""
        self._tenants = dict(tenants)
        self._budgets.know(self._tenants)

    async def lease(self, asks: Sequence[tuple[str, Ask]]) -> list[Grant | None]:
        """A slice for each, by what its replica asks for; None where there is no limit.

        Those of budgets are written down together, and if that fails no other is
        granted either. Without any of a budget, nothing is waited for.
        """
        for replica, _ in asks:
            self._hear(replica, self._clock())
        budgets = [each for each in asks if each[1].resource.kind == "budget"]
        money = iter(
            await self._budgets.lease(budgets, self._clock()) if budgets else ()
        )
        return [
            next(money) if ask.resource.kind == "budget" else self._limit(replica, ask)
            for replica, ask in asks
        ]

    async def give_back(self, replica: str, returns: Sequence[Return]) -> None:
        """Parts of leases are not needed. Limits first: they wait for no SQL."""
        budgets = []
        for back in returns:
            if back.resource.kind == "budget":
                budgets.append(back)
            else:
                self._give_back_limit(replica, back)
        if budgets:
            await self._budgets.give_back(replica, budgets)

    def heard_of(self, replica: str) -> None:
        """It is alive. Of those that are silent, no request can be under way."""
        now = self._clock()
        self._hear(replica, now)
        self._rates.forget_unused(now)
        for name, at in list(self._heard.items()):
            if now - at > _SILENT_S:
                del self._heard[name]
                self._free_places(name)

    async def charge(self, charges: Sequence[Charge]) -> None:
        """Usage was taken into the store: it is consumed, and leased no longer."""
        await self._budgets.charge(charges, self._clock())

    def distrust(self, tenants: Collection[str]) -> None:
        """What these have spent is read again before more is leased."""
        self._budgets.distrust(tenants)

    async def close_replica(self, replica: str) -> None:
        """End all leases of a replica that is gone."""
        self._free_places(replica)
        await self._budgets.close_replica(replica)

    async def budget(self, tenant_id: str) -> BudgetState:
        """As it is now."""
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            message = f"There is no tenant {tenant_id!r}."
            raise NotFound(message, code="tenant_not_found")
        return await self._budgets.state(tenant, self._clock())

    def soft_budgets_reached(self) -> list[BudgetState]:
        """Of those that were charged since the start."""
        return self._budgets.soft_budgets_reached(self._clock())

    def tightest(self, n: int) -> list[BudgetLeft]:
        """The `n` tenants with the least share left of their budgets."""
        return self._budgets.tightest(n, self._clock())

    def wanted_of(self, replica: str) -> list[Resource]:
        """Places of which this one holds some and others were lately refused any."""
        now = self._clock()
        wanted = [each for each in self._refused if self._is_wanted(each, now)]
        self._refused = {each: self._refused[each] for each in wanted}
        return [each for each in wanted if replica in self._places[each].leases]

    def _limit(self, replica: str, ask: Ask) -> Grant | None:
        resource, now = ask.resource, self._clock()
        if resource.kind not in _RATES:  # theirs their own book takes
            for back in ask.returns:
                self._give_back_limit(replica, back)
        tenant = self._tenants.get(resource.tenant)
        limit = _limit_of(tenant, resource) if tenant else None
        if limit is None:
            return None
        if resource.kind in _RATES:
            return self._rates.lease(replica, ask, limit, now)
        return self._place(replica, ask, limit, now)

    def _give_back_limit(self, replica: str, back: Return) -> None:
        if back.resource.kind in _RATES:
            self._rates.give_back(back)
        elif pool := self._places.get(back.resource):
            if back.rest:
                pool.forget(replica)
            else:
                pool.give_back(replica, back.amount)

    def _place(self, replica: str, ask: Ask, limit: float, now: float) -> Grant:
        pool = self._places.setdefault(ask.resource, Pool(limit))
        pool.capacity = limit
        amount = pool.lease(replica, ask.need)
        if not amount:
            self._refused[ask.resource] = now
        good_for_s = _PLACE_S if self._is_wanted(ask.resource, now) else None
        return Grant(amount, limit, pool.available, None, good_for_s, _FOREVER)

    def _is_wanted(self, resource: Resource, now: float) -> bool:
        at = self._refused.get(resource)
        return at is not None and abs(now - at) < _WANTED_S

    def _hear(self, replica: str, now: float) -> None:
        deaf_s = now - self._heard_any
        if not 0 <= deaf_s <= _DEAF_S:
            self._heard = {name: at + deaf_s for name, at in self._heard.items()}
        self._heard_any = self._heard[replica] = now

    def _free_places(self, replica: str) -> None:
        for pool in self._places.values():
            pool.forget(replica)


def _limit_of(tenant: TenantConfig, resource: Resource) -> float | None:
    limits: Limits = tenant
    if resource.key_id is not None:
        found = (key for key in tenant.keys if key.key_id == resource.key_id)
        limits = next(found, Limits())
    return {
        "rpm": limits.rpm_limit,
        "tpm": limits.tpm_limit,
        "parallel": limits.max_parallel_requests,
    }[resource.kind]
