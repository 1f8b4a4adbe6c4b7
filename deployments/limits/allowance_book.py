"""The Ledger's side of allowances: which there are, how large, and who holds leases.

Where a limit and not a budget is leased, nothing waits for SQL.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from deployments.errors import NotFound
from deployments.limits.budget_book import BudgetBook
from deployments.limits.budget_pools import LeaseBook
from deployments.limits.closed_replicas import ClosedReplicas
from deployments.limits.ledger_protocol import Ask, BudgetState, Grant, Resource, Return
from deployments.limits.place_book import PlaceBook
from deployments.limits.rate_book import RateBook
from deployments.store.usage_query import Charge
from deployments.telemetry.metrics import BudgetLeft
from deployments.tenancy import Limits, TenantConfig

_RATES = ("rpm", "tpm")
_NOTHING = Grant(0.0, 0.0, 0.0, None, None, 0)


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
        self._places = PlaceBook()
        self._closed = ClosedReplicas()

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
        granted either. Without any of a budget, nothing is waited for. A replica that
        was closed gets nothing: nobody would ever give it back.
        """
        living = [replica not in self._closed for replica, _ in asks]
        their_asks = [ask for ask, lives in zip(asks, living, strict=True) if lives]
        grants = iter(await self._lease(their_asks))
        return [next(grants) if lives else _NOTHING for lives in living]

    async def _lease(self, asks: Sequence[tuple[str, Ask]]) -> list[Grant | None]:
        for replica, _ in asks:
            self._places.hear(replica, self._clock())
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
        self._places.hear(replica, now)
        self._rates.forget_unused(now)
        self._places.free_silent(now)

    async def charge(self, charges: Sequence[Charge]) -> None:
        """Usage was taken into the store: it is consumed, and leased no longer."""
        await self._budgets.charge(charges, self._clock())

    def distrust(self, tenants: Collection[str]) -> None:
        """What these have spent is read again before more is leased."""
        self._budgets.distrust(tenants)

    async def close_replica(self, replica: str) -> None:
        """End all leases of a replica that is gone, for good."""
        self._closed.add(replica)
        self._places.free(replica)
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
        """Places of which this one holds some and others were lately refused any, and
        budgets that have become short."""
        now = self._clock()
        places = self._places.wanted_of(replica, now)
        return [*places, *self._budgets.wanted_of(replica, now)]

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
        return self._places.lease(replica, ask, limit, now)

    def _give_back_limit(self, replica: str, back: Return) -> None:
        if back.resource.kind in _RATES:
            self._rates.give_back(back)
        else:
            self._places.give_back(replica, back)


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
