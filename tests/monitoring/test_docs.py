"""docs/observability.md names each metric with its labels."""

import re
from pathlib import Path

from deployments.telemetry.families import FAMILIES

PAGE = Path(__file__).parents[2] / "docs/observability.md"
ROW = re.compile(r"\| `(\w+)` \| ([\w, ]*) ?\| ")


def test_the_table_of_metrics_is_complete():
    rows = {
        match[1]: [label.strip() for label in match[2].split(",") if label.strip()]
        for match in ROW.finditer(PAGE.read_text(encoding="utf-8"))
    }

    assert rows == {
        family.name.removeprefix("avengers_"): list(family.labels)
        for family in FAMILIES
    }
