"""What one tenant's replica may hold."""

from deployments.limits.ledger_protocol import Resource
from serve_app.access.holdings import Holdings
from serve_app.access.reservation import Reservation

BUDGET, PLACES = Resource("budget", "t"), Resource("parallel", "t")
RPM, TPM = Resource("rpm", "t"), Resource("tpm", "t")
TERMS = {
    "max_budget": 8.0,
    "budget_duration": "1d",
    "rpm_limit": 80,
    "tpm_limit": 800,
    "max_parallel_requests": 2,
}


async def taken(holdings: Holdings, resource: Resource, amount: float) -> Reservation:
    reservation = await holdings.reserve(resource, amount)
    assert reservation is not None
    return reservation
