"""What a request has set aside of an allowance."""

from dataclasses import dataclass

from deployments.limits.ledger_protocol import Resource


@dataclass(frozen=True, slots=True)
class Reservation:
    """So much of what was held of a resource, and of which of its periods.

    `period` None: there is no limit to count it against. `ends_at`: of a budget, when
    that period ends. `at`: when it was drawn, by the clock of its Holdings.
    """

    resource: Resource
    amount: float
    period: int | None
    ends_at: float | None = None
    at: float = 0.0
