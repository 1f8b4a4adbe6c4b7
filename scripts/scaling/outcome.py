"""The figures of a simulated day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.scaling.constants import Assumptions
from scripts.scaling.course import Course
from scripts.scaling.plan import SCALED


@dataclass(frozen=True, slots=True)
class Outcome:
    """Shares are of all requests that were offered; waits are in queues and for the
    decision, the upstream's time and our own work not in them."""

    mean_rate: float
    requests: float
    peak_rate: float
    replicas_mean: dict[str, float]
    replicas_most: dict[str, int]
    wait_p50_ms: float
    wait_p99_ms: float
    fallback_share: float
    over_limit_share: float
    over_capacity_share: float
    core_hours: float
    gpu_hours: float
    usd: float
    ledger_cores: float

    @property
    def usd_per_million(self) -> float:
        """Requests."""
        return 1e6 * self.usd / self.requests


def outcome(
    course: Course, *, mean_rate: float, ledger_cpu_s: float, assumptions: Assumptions
) -> Outcome:
    """Add a course up."""
    requests = float(course.offered.sum())
    weights = np.repeat(course.offered, course.waits_s.shape[1])
    p50, p99 = weighted_quantiles(course.waits_s.ravel(), weights, (0.5, 0.99))
    core_hours = float(course.cores.sum()) / 3600
    gpu_hours = float(course.gpus.sum()) / 3600
    usd = core_hours * assumptions.usd_per_core_hour
    usd += gpu_hours * assumptions.usd_per_gpu_hour
    return Outcome(
        mean_rate=mean_rate,
        requests=requests,
        peak_rate=float(course.offered.max()),
        replicas_mean={name: float(course.replicas[name].mean()) for name in SCALED},
        replicas_most={name: int(course.replicas[name].max()) for name in SCALED},
        wait_p50_ms=1e3 * p50,
        wait_p99_ms=1e3 * p99,
        fallback_share=course.fallbacks / requests,
        over_limit_share=course.over_limit / requests,
        over_capacity_share=course.over_capacity / requests,
        core_hours=core_hours,
        gpu_hours=gpu_hours,
        usd=usd,
        ledger_cores=float(course.offered.max()) * ledger_cpu_s,
    )


def weighted_quantiles(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    shares: tuple[float, ...],
) -> list[float]:
    """The smallest value below or at which so large a share of the weight lies."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    at = np.searchsorted(below, np.array(shares) * below[-1])
    return [float(values[order[min(i, len(order) - 1)]]) for i in at]
