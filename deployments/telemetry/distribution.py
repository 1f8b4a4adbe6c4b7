"""A histogram that is counted in its own process.

Ray's takes every value in C++ and hands on how many fell into each bucket; its agent
then puts each of them, in Python, into a histogram of its own: at 1,000 requests a
second these are thousands of calls a second, on a process that all replicas of a node
share. It also knows of a value only its bucket, so its sum is a guess. Here a value is
an addition, the sum is exact, and the agent is told a dozen numbers every few seconds.

They are gauges to Ray, and so to Prometheus, with the names and labels of a histogram's
series: `histogram_quantile` and `rate` ask for no more.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from deployments.telemetry.family import Family


class Distribution:
    """The values of one histogram without labels, since the process began."""

    def __init__(self, family: Family) -> None:
        self._bounds = family.buckets
        self._counts = [0] * (len(family.buckets) + 1)
        self._sum = 0.0
        self._le = (*map(str, family.buckets), "+Inf")
        self._bucket = _series(family, "bucket", ("le",))
        self._count_of, self._sum_of = _series(family, "count"), _series(family, "sum")

    def add(self, value: float) -> None:
        """One value more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def read(self) -> Iterator[tuple[Family, tuple[str, ...], float]]:
        """All series of it, as they stand; a bucket counts what is below it, too."""
        below = 0
        for le, below in zip(self._le, accumulate(self._counts), strict=True):
            yield self._bucket, (le,), float(below)
        yield self._count_of, (), float(below)
        yield self._sum_of, (), self._sum


def _series(family: Family, part: str, labels: tuple[str, ...] = ()) -> Family:
    return Family(f"{family.name}_{part}", "gauge", family.help, labels)
