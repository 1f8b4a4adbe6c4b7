"""The series that Prometheus would have of a histogram."""

import pytest

from deployments.telemetry.distribution import Distribution
from deployments.telemetry.families import OVERHEAD


def told(*values: float) -> dict[str, dict[tuple[str, ...], float]]:
    counted = Distribution(OVERHEAD)
    for value in values:
        counted.add(value)
    series: dict[str, dict[tuple[str, ...], float]] = {}
    for family, labels, value in counted.read():
        assert family.kind == "gauge"
        assert len(family.labels) == len(labels)
        series.setdefault(family.scraped, {})[labels] = value
    return series


def test_a_bucket_counts_all_values_up_to_its_bound():
    buckets = told(0.0005, 0.001, 0.0011, 7.0)["ray_avengers_overhead_seconds_bucket"]

    assert list(buckets) == [(str(b),) for b in OVERHEAD.buckets] + [("+Inf",)]
    assert [buckets["0.001",], buckets["0.002",], buckets["2.0",]] == [2, 3, 3]
    assert buckets["+Inf",] == 4


def test_count_and_sum_are_exact():
    series = told(0.0005, 0.001, 0.0011, 7.0)

    assert series["ray_avengers_overhead_seconds_count"] == {(): 4}
    assert series["ray_avengers_overhead_seconds_sum"][()] == pytest.approx(7.0026)


def test_without_a_value_all_are_zero():
    assert {v for each in told().values() for v in each.values()} == {0.0}
