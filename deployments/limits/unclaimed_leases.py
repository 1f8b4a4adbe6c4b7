"""Leases that an earlier Ledger has granted, of budgets that this one knows nothing of.

They are of tenants, or of periods, that stand in the configuration that the Gateways
have by now and not in the one with which the Ledger was started. Until somebody asks
for such a budget, what replicas use of it and give back is told to these.
"""

from collections.abc import Collection

from deployments.store.usage_query import Charge


class UnclaimedLeases:
    """In USD, by the tenant, then by the replica and the start of the period."""

    def __init__(self) -> None:
        self._of: dict[str, dict[tuple[str, int], float]] = {}

    def add(self, replica: str, tenant_id: str, start: int, usd: float) -> None:
        """It was found when the Ledger was started."""
        self._of.setdefault(tenant_id, {})[replica, start] = usd

    def amount(self, replica: str, tenant_id: str, start: int) -> float:
        """0 if there is none."""
        return self._of.get(tenant_id, {}).get((replica, start), 0.0)

    def give_back(self, replica: str, tenant_id: str, start: int, usd: float) -> bool:
        """A part of it is not needed; False if there is none."""
        leases = self._of.get(tenant_id, {})
        if (replica, start) not in leases:
            return False
        leases[replica, start] = max(0.0, leases[replica, start] - usd)
        return True

    def consume(self, charge: Charge) -> int | None:
        """A replica has used so much of what it holds: of which period; None if of none
        of these."""
        starts = [
            start
            for replica, start in self._of.get(charge.tenant, ())
            if replica == charge.replica and start <= charge.at
        ]
        if not starts:
            return None
        self.give_back(charge.replica, charge.tenant, max(starts), charge.usd)
        return max(starts)

    def claim(self, tenant_id: str, start: int) -> None:
        """They are in a pool now."""
        leases = self._of.get(tenant_id, {})
        for key in [key for key in leases if key[1] == start]:
            del leases[key]

    def end(self, replica: str, tenants: Collection[str] | None) -> None:
        """It holds nothing more, of these tenants or of any."""
        for tenant_id in self._of if tenants is None else tenants:
            leases = self._of.get(tenant_id, {})
            for key in [key for key in leases if key[0] == replica]:
                del leases[key]
