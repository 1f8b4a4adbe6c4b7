"""Dashboards and rules are about metrics that exist."""

import re

import pytest

from deployments.telemetry.families import FAMILIES
from scripts.observability.queries import (
    dashboard_queries,
    dashboards,
    rule_groups,
    rule_queries,
    selectors,
)

BOARDS = dashboards()
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket",)}
OURS = {
    f"{family.scraped}{suffix}": family
    for family in FAMILIES
    for suffix in SUFFIXES[family.kind]
}
QUERIES = [
    *(query for item in BOARDS.items() for query in dashboard_queries(*item)),
    *rule_queries(rule_groups()),
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: f"{q.file}: {q.where}")
def test_metrics_of_ours_are_told_by_a_deployment(query):
    for name, _ in selectors(query.expression):
        if name.startswith("ray_avengers"):
            assert name in OURS


def test_each_metric_is_shown_somewhere():
    shown = {name for query in QUERIES for name, _ in selectors(query.expression)}

    assert OURS.keys() <= shown


@pytest.mark.parametrize("file", BOARDS)
def test_panels_have_ids_of_their_own(file):
    ids = [panel["id"] for panel in BOARDS[file]["panels"]]

    assert len(set(ids)) == len(ids)
    assert BOARDS[file]["uid"].startswith("avengers-")


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: f"{q.file}: {q.where}")
def test_a_bucket_that_is_named_is_one_of_its_histogram(query):
    for name, matchers in selectors(query.expression):
        if bound := re.search(r'\ble="([^"]+)"', matchers):
            assert bound[1] in {*map(str, OURS[name].buckets), "+Inf"}


@pytest.mark.parametrize("file", BOARDS)
def test_what_is_less_than_nothing_is_not_cut_off_by_its_panel(file):
    for panel in BOARDS[file]["panels"]:
        below = [t for t in panel.get("targets", ()) if t["expr"].startswith("-")]
        least = panel.get("fieldConfig", {}).get("defaults", {}).get("min")
        assert not below or least is None, panel["title"]
