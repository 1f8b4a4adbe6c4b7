"""Alerts fire when they must and only then: promtool says so."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.observability.queries import MONITORING, rule_groups

TESTS = Path(__file__).with_name("alerts.yaml")
ROOT = Path(__file__).parents[2]
ALERTS = [rule for group in rule_groups() for rule in group["rules"] if "alert" in rule]


@pytest.fixture
def directory(tmp_path):
    """The rules and their tests, as promtool takes them."""
    groups = yaml.safe_dump({"groups": rule_groups()})
    (tmp_path / "rules.yaml").write_text(groups, encoding="utf-8")
    shutil.copy(TESTS, tmp_path)
    return tmp_path


def promtool(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    return subprocess.run(
        [program, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


def test_rules_are_well_formed(directory):
    done = promtool("check", "rules", "rules.yaml", directory=directory)

    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_must(directory):
    done = promtool("test", "rules", "alerts.yaml", directory=directory)

    assert done.returncode == 0, done.stdout + done.stderr


def test_another_threshold_is_noticed(directory):
    rules = directory / "rules.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("< 0.1", "< 0.01"), encoding="utf-8")

    done = promtool("test", "rules", "alerts.yaml", directory=directory)

    assert done.returncode != 0
    assert "AvengersBudgetNearlySpent" in done.stdout + done.stderr


def test_each_alert_is_tried_both_ways():
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for test in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]
        for case in test.get("alert_rule_test", ())
    ]

    for alert in ALERTS:
        assert {(alert["alert"], True), (alert["alert"], False)} <= set(cases)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_the_runbook_says_what_to_do(alert):
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = [
        line.lstrip("# ").lower()
        for line in (ROOT / page).read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    ]

    assert anchor in headings
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_the_dashboards_of_the_kustomization_are_all_there_are():
    text = (MONITORING / "kustomization.yaml").read_text(encoding="utf-8")
    named = [
        file
        for generator in yaml.safe_load(text)["configMapGenerator"]
        for file in generator["files"]
    ]
    there = (MONITORING / "dashboards").glob("*.json")

    assert sorted(named) == sorted(f"dashboards/{path.name}" for path in there)
