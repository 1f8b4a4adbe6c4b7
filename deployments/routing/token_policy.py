"""Scales Embedders by the tokens that come and wait, not by calls. Knows no Ray.

A Gateway has few route calls in flight, so their number, by which Serve scales, hardly
rises once each Gateway has all it may have; tokens rise with the traffic. But they are
seen only once a call has brought them. `scripts/simulate --policies` compares both.

Serve pickles this module by value into its controller: it imports nothing of ours.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

# What an Embedder records of itself for Serve; see `encoder_load`.
QUEUED_TOKENS, TOKENS_PER_S = "queued_tokens", "tokens_per_s"


class Context(Protocol):
    """The part of Serve's AutoscalingContext that is needed."""

    current_num_replicas: int
    target_num_replicas: int

    @property
    def aggregated_metrics(self) -> Mapping[str, Mapping[Any, float]] | None:
        """By name and running replica: means over the look-back period."""


def wanted_replicas(
    *, tokens_per_s: float, queued_tokens: float, capacity: float, drain_s: float
) -> float:
    """So many that what comes in is encoded and what waits is gone in `drain_s`.

    `capacity`: tokens a second of one replica at the load it shall have.
    """
    return (tokens_per_s + queued_tokens / drain_s) / capacity


class TokenPolicy:
    """`autoscaling_config.policy`; Serve adds its factors, delays and bounds to it."""

    def __init__(self, capacity: float, drain_s: float = 1.0) -> None:
        if not (capacity > 0 and drain_s > 0):
            raise ValueError("capacity and drain_s must be above 0")
        self._capacity = capacity
        self._drain_s = drain_s

    def __call__(self, context: Context) -> tuple[float, dict[str, Any]]:
        """Unchanged while no replica has reported; not fewer while one has not.

        One that is silent has just started, or is of a version that counts nothing: how
        much it has is unknown, so the others' tokens are only the least there is.
        """
        metrics = context.aggregated_metrics or {}
        reported = metrics.get(TOKENS_PER_S, {})
        if not reported:
            return context.target_num_replicas, {}
        wanted = wanted_replicas(
            tokens_per_s=math.fsum(reported.values()),
            queued_tokens=math.fsum(metrics.get(QUEUED_TOKENS, {}).values()),
            capacity=self._capacity,
            drain_s=self._drain_s,
        )
        if len(reported) < context.current_num_replicas:
            wanted = max(wanted, context.target_num_replicas)
        return wanted, {}
