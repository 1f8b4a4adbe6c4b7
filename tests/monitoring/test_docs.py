"""docs/observability.md names each metric with its labels, and each alert."""

import re

from deployments.telemetry.families import FAMILIES
from scripts.observability.queries import dashboards, rule_groups
from tests.pages import ROOT, text_of

PAGE = text_of(ROOT / "docs/observability.md")
ROW = re.compile(r"\| `(\w+)` \| ([\w, ]*) ?\| ")
ALERT = re.compile(r"^\| \[(\w+)\]\(#\w+\) \| (\w+) \| .* \| (\w+) \|$", re.M)
# Names of other parts of pages, in the same letters as those of panels.
PARTS = {"How many series", "Edit → what restarts"}


def test_the_table_of_metrics_is_complete():
    rows = {
        match[1]: [label.strip() for label in match[2].split(",") if label.strip()]
        for match in ROW.finditer(PAGE)
    }

    assert rows == {
        family.name.removeprefix("avengers_"): list(family.labels)
        for family in FAMILIES
    }


def test_the_table_of_alerts_is_complete():
    assert ALERT.findall(PAGE) == [
        (rule["alert"], rule["labels"]["severity"], rule["for"])
        for group in rule_groups()
        for rule in group["rules"]
        if "alert" in rule
    ]


def test_a_runbook_names_panels_that_are_there():
    _, _, after = PAGE.partition("\n### ")
    runbook, _, _ = after.partition("\n## ")
    named = set(re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", runbook))
    titles = [each["title"] for one in dashboards().values() for each in one["panels"]]

    assert named
    for name in named - PARTS:
        assert any(title.startswith(name) for title in titles), name
