"""Names and labels as Prometheus takes them."""

import re

import pytest

from deployments.telemetry.families import FAMILIES, REQUESTS


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_name_tells_what_it_is_of(family):
    assert re.fullmatch(r"avengers_[a-z_]+", family.name)
    assert (family.kind == "counter") == family.name.endswith("_total")
    assert bool(family.buckets) == (family.kind == "histogram")
    assert list(family.buckets) == sorted(set(family.buckets))
    assert family.help.endswith(".")


def test_names_are_unique():
    names = [family.name for family in FAMILIES]

    assert len(set(names)) == len(names)


def test_ray_puts_its_name_in_front():
    assert REQUESTS.scraped == "ray_avengers_requests_total"
