"""What both simulations work with: a deployment meanwhile, and what happened."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.scaling.autoscaler import Autoscaler
from scripts.scaling.fleet import Fleet
from scripts.scaling.plan import SCALED
from scripts.scaling.queueing import POINTS


@dataclass(slots=True)
class Part:
    """One deployment while it is simulated."""

    fleet: Fleet
    scaler: Autoscaler | None
    max_ongoing: int
    backlog: float = 0.0  # requests

    def load(self, rate: float, cpu_s: float) -> float:
        """Share of the running replicas' cores that this rate takes."""
        return rate * cpu_s / max(1, self.fleet.running)

    def serve(self, arrivals: float, cpu_s: float) -> float:
        """Requests that get through in one second; the rest is backlog."""
        served = min(self.backlog + arrivals, self.fleet.running / cpu_s)
        self.backlog += arrivals - served
        return served


@dataclass(slots=True)
class Course:
    """What happened, by the second."""

    replicas: dict[str, NDArray[np.int32]]
    cores: NDArray[np.float64]
    gpus: NDArray[np.float64]
    offered: NDArray[np.float64]
    waits_s: NDArray[np.float64]  # (seconds, points): in Gateway, route call, backend
    over_limit: float = 0.0
    over_capacity: float = 0.0
    fallbacks: float = 0.0

    @classmethod
    def of(cls, seconds: int) -> "Course":
        """Nothing has happened yet."""
        zeros = [np.zeros(seconds) for _ in range(3)]
        replicas = {name: np.zeros(seconds, np.int32) for name in SCALED}
        return cls(replicas, *zeros, np.zeros((seconds, POINTS)))
