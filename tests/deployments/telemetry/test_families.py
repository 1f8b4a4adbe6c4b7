"""Names and labels as Prometheus takes them."""

import re

import pytest
import yaml

from deployments.telemetry.families import (
    FAMILIES,
    FIRST_TOKEN,
    REQUEST_DURATION,
    REQUESTS,
)
from tests.pages import ROOT

CATALOGS = sorted((ROOT / "serve_app/catalogs").glob("*.yaml"))


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


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("timeout", "family"),
    [("first_token_s", FIRST_TOKEN), ("total_s", REQUEST_DURATION)],
)
def test_what_a_catalog_waits_for_fits_into_the_buckets(catalog, timeout, family):
    stated = yaml.safe_load(catalog.read_text(encoding="utf-8"))
    models = stated["applications"][0]["args"]["catalog"]["models"]
    waits = [model.get("timeouts", {}).get(timeout, 0.0) for model in models]

    assert max(waits) <= family.buckets[-1]
