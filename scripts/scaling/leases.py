"""What tenants' limits refuse, by the Ledger's own book and the replicas' own holdings.

A day of every replica's leases would be billions of calls, so the books run for some
windows of a day, spread evenly, with as many replicas as there are then; between them
the refused share is interpolated. A window begins a minute early, so that what was
handed out before counts, and is measured over whole minutes: a limit that is used up
lets through in waves of a minute. Of more than 32 replicas, so many run with their
part of the limit: a replica's slices are as large as they are among all.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deployments.limits.allowances import WINDOW_S
from deployments.limits.ledger_protocol import Ask, Resource
from deployments.limits.rate_book import RateBook
from serve_app.access.holding import Holding

_WINDOWS, _LAST_S = 12, 3 * WINDOW_S
_MOST_REPLICAS = 32
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
        self._held = [Holding(_RESOURCE) for _ in range(replicas)]

    def refused(self, arrivals: NDArray[np.float64]) -> float:
        """The share of the requests that are refused, after the first minute.

        `arrivals`: all of the tenant's, by the second; they spread over the replicas.
        """
        even = np.full(len(self._held), 1 / len(self._held))
        refused = offered = 0
        for second, total in enumerate(arrivals):
            self._give_back(float(second))
            share = self._rng.multinomial(int(total), even)
            for replica, number in enumerate(share.tolist()):
                left = self._draw(replica, number, float(second))
                if second >= WINDOW_S:
                    refused += left
                    offered += number
        return refused / offered if offered else 0.0

    def _give_back(self, now: float) -> None:
        for holding in self._held:
            for back in holding.surplus(now, 0.0):
                self._book.give_back(back)

    def _draw(self, replica: int, number: int, now: float) -> int:
        """Reserve what comes in a second, as Holdings does; how many are refused.

        What is at hand is drawn at once; one request asks for each further slice.
        """
        holding = self._held[replica]
        while number:
            at_hand = min(number, max(1, math.floor(holding.part.free + 1e-9)))
            if holding.draw(at_hand, now) is not None:
                number -= at_hand
                continue
            if holding.is_refused(1.0, now):
                return number
            need = holding.need(1.0, now)
            ask = Ask(_RESOURCE, need, returns=holding.cleared(now))
            grant = self._book.lease(f"gateway-{replica}", ask, self._limit, now)
            holding.take(grant, need, now, now)
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
        replicas = max(1, math.ceil(rate[start] / per_gateway))
        part = min(1.0, _MOST_REPLICAS / replicas)
        expected = rate[start : start + _LAST_S] * metered.share * part
        arrivals = rng.poisson(expected).astype(np.float64)
        window = Window(min(replicas, _MOST_REPLICAS), max(1, round(limit * part)), rng)
        refused = window.refused(arrivals)
        found.append(metered.share * refused)
    return np.interp(np.arange(len(rate)), starts + _LAST_S / 2, found)
