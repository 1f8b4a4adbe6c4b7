"""What tenants' limits refuse, by the Ledger's own book and the replicas' own slices.

A day of every replica's leases would be billions of calls, so the books run for some
windows of a day, spread evenly, with as many replicas as there are then; between them
the refused share is interpolated. A window begins a minute early, so that what was
handed out before counts.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deployments.limits.allowances import WINDOW_S, Slice
from deployments.limits.ledger_protocol import Ask, Resource
from deployments.limits.rate_book import RateBook

_WARM_S = WINDOW_S + 5
_WINDOWS, _LAST_S = 12, 150
_RESOURCE = Resource("rpm", "metered")


@dataclass(frozen=True, slots=True)
class Metered:
    """A tenant with a limit: its share of the traffic, its limit over its mean rate."""

    share: float = 0.2
    limit_factor: float = 1.5

    def rpm_limit(self, mean_rate: float) -> int:
        """Requests a minute."""
        return max(1, round(60 * mean_rate * self.share * self.limit_factor))


class Window:
    """The Ledger's book and so many replicas that draw on one limit."""

    def __init__(self, replicas: int, limit: int, rng: np.random.Generator) -> None:
        self._book = RateBook()
        self._limit = limit
        self._rng = rng
        self._slices = [Slice() for _ in range(replicas)]

    def refused(self, arrivals: NDArray[np.float64]) -> float:
        """The share of the requests that are refused, after the first minute.

        `arrivals`: all of the tenant's, by the second; they spread over the replicas.
        """
        even = np.full(len(self._slices), 1 / len(self._slices))
        refused = offered = 0
        for second, total in enumerate(arrivals):
            share = self._rng.multinomial(int(total), even)
            for replica, number in enumerate(share.tolist()):
                left = self._draw(replica, number, float(second))
                if second >= _WARM_S:
                    refused += left
                    offered += number
        return refused / offered if offered else 0.0

    def _draw(self, replica: int, number: int, now: float) -> int:
        """Reserve one by one what comes in a second; how many are refused."""
        part = self._slices[replica]
        part.free = 0.0  # a slice is good for a second
        while number:
            taken = min(number, math.floor(part.free + 1e-9))
            part.free -= taken
            number -= taken
            if not number:
                break
            ask = Ask(_RESOURCE, 1.0)
            grant = self._book.lease(f"gateway-{replica}", ask, self._limit, now)
            if not grant.amount:
                return number
            part.add(grant.amount)
        return 0


def refused_share(
    rate: NDArray[np.float64],
    *,
    mean_rate: float,
    per_gateway: float,
    metered: Metered,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """By the second: the share of all requests that the tenant's limit refuses."""
    limit = metered.rpm_limit(mean_rate)
    starts = np.linspace(0, max(0, len(rate) - _LAST_S), _WINDOWS).astype(int)
    found = []
    for start in starts:
        expected = rate[start : start + _LAST_S] * metered.share
        replicas = max(1, math.ceil(rate[start] / per_gateway))
        arrivals = rng.poisson(expected).astype(np.float64)
        refused = Window(replicas, limit, rng).refused(arrivals)
        found.append(metered.share * refused)
    return np.interp(np.arange(len(rate)), starts + _LAST_S / 2, found)
