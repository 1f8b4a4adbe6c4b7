"""Formulas of queues: how long requests wait in a deployment, and how many calls a
coalescing caller has in flight."""

import math

import numpy as np
from numpy.typing import NDArray

POINTS = 8  # equally likely waits that stand for all
_MOST = 0.98  # beyond it the backlog is what waits, not chance


def wait_chance(servers: float, load: float) -> float:
    """That all of so many servers are busy at `load` of capacity (Sakasegawa)."""
    load = min(max(load, 0.0), _MOST)
    return float(load ** (math.sqrt(2.0 * (max(1.0, servers) + 1.0)) - 1.0))


def mean_wait_s(servers: float, load: float, service_s: float) -> float:
    """In an M/M/c queue, approximately; 0 is no load."""
    load = min(max(load, 0.0), _MOST)
    chance = wait_chance(servers, load)
    return chance * service_s / (max(1.0, servers) * (1.0 - load))


def wait_points(servers: float, load: float, service_s: float) -> NDArray[np.float64]:
    """POINTS equally likely waits: none, or exponential for those that wait."""
    chance = wait_chance(servers, load)
    mean = mean_wait_s(servers, load, service_s) / max(chance, 1e-12)
    # Quantiles of the waiting time: P(W > w) = chance · exp(−w / mean).
    above = 1.0 - (np.arange(POINTS) + 0.5) / POINTS
    return np.where(above < chance, mean * np.log(np.maximum(chance / above, 1.0)), 0.0)


def calls_in_flight(rate: float, call_s: float) -> float:
    """Of one caller that gathers while its one call is in flight: the mean.

    A call of D seconds is followed by the next at once if something came meanwhile
    (1 − e^(−λD)), else after 1/λ on average.
    """
    if rate <= 0.0:
        return 0.0
    idle_s = math.exp(-rate * call_s) / rate
    return call_s / (call_s + idle_s)


def batch_size(rate: float, call_s: float) -> float:
    """Requests in one call of that caller: what came during the call before, or one."""
    return max(1.0, rate * call_s / max(1e-12, calls_in_flight(rate, call_s)))
