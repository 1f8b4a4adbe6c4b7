"""Metrics through Ray: the node's agent serves them to Prometheus."""

from typing import Any

from ray.util import metrics

from deployments.telemetry.family import Family
from deployments.telemetry.tally import Labels


class RayExport:
    """Makes Ray's metric of a family when it is first used."""

    def __init__(self) -> None:
        self._made: dict[Family, Any] = {}

    def count(self, family: Family, labels: Labels, by: float) -> None:
        """Add to a counter."""
        self._of(family).inc(by, _tags(family, labels))

    def observe(self, family: Family, labels: Labels, value: float) -> None:
        """Put a value into a histogram."""
        self._of(family).observe(value, _tags(family, labels))

    def set(self, family: Family, labels: Labels, value: float) -> None:
        """Say what a gauge is now."""
        self._of(family).set(value, _tags(family, labels))

    def _of(self, family: Family) -> Any:
        if family not in self._made:
            self._made[family] = _made(family)
        return self._made[family]


def _tags(family: Family, labels: Labels) -> dict[str, str] | None:
    return dict(zip(family.labels, labels, strict=True)) if labels else None


def _made(family: Family) -> Any:
    if family.kind == "histogram":
        return metrics.Histogram(
            family.name, family.help, list(family.buckets), family.labels
        )
    kind = metrics.Counter if family.kind == "counter" else metrics.Gauge
    return kind(family.name, family.help, family.labels)
