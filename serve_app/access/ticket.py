"""What one request has reserved of all allowances."""

import math
from dataclasses import dataclass, field

from deployments.limits.ledger_protocol import Resource
from deployments.tenancy import TenantConfig
from serve_app.access.reservation import Reservation


@dataclass(slots=True)
class Ticket:
    """What one request has reserved."""

    terms: TenantConfig | None = None  # of a tenant of the configuration
    reserved: list[Reservation] = field(default_factory=list)
    budget: Resource | None = None
    max_budget: float = 0.0  # USD, how large that is
    money: Reservation | None = None  # for the model that is being asked
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def money_period(self) -> tuple[float, float]:
        """From when to when the period is of which it holds money; without an end if
        it holds none."""
        if self.money is None:
            return 0.0, math.inf
        return float(self.money.period or 0), self.money.ends_at or math.inf
