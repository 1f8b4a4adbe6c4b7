"""A candidate: Embedders by the tokens that wait and come, not by calls.

A Gateway has few route calls in flight, so their number, by which Serve scales, hardly
rises once each Gateway has all it may have; tokens rise with the traffic. But they are
seen only once a call has brought them. `scripts/simulate --policies` compares both. No
deployment records tokens for Serve so far, so this runs in the simulation only.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

# What an Embedder records of itself for Serve; `record_autoscaling_stats`.
QUEUED_TOKENS, TOKENS_PER_S = "queued_tokens", "tokens_per_s"


class Context(Protocol):
    """The part of Serve's AutoscalingContext that is needed."""

    target_num_replicas: int
    aggregated_metrics: Mapping[str, Mapping[Any, float]] | None


def wanted_replicas(
    *, tokens_per_s: float, queued_tokens: float, capacity: float, drain_s: float
) -> float:
    """So many that what comes in is encoded and what waits is gone in `drain_s`.

    `capacity`: tokens a second of one replica at the load it shall have.
    """
    return (tokens_per_s + queued_tokens / drain_s) / capacity


class TokenPolicy:
    """`autoscaling_config.policy`; Serve adds its factors, delays and bounds to it."""

    def __init__(self, capacity: float, drain_s: float = 10.0) -> None:
        if not (capacity > 0 and drain_s > 0):
            raise ValueError("capacity and drain_s must be above 0")
        self._capacity = capacity
        self._drain_s = drain_s

    def __call__(self, context: Context) -> tuple[float, dict[str, Any]]:
        """Unchanged while no replica has reported."""
        metrics = context.aggregated_metrics or {}
        if TOKENS_PER_S not in metrics:
            return context.target_num_replicas, {}
        wanted = wanted_replicas(
            tokens_per_s=math.fsum(metrics[TOKENS_PER_S].values()),
            queued_tokens=math.fsum(metrics.get(QUEUED_TOKENS, {}).values()),
            capacity=self._capacity,
            drain_s=self._drain_s,
        )
        return wanted, {}
