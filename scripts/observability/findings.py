"""What a run must tell, asked of the Prometheus that scraped it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.telemetry.families import FAMILIES
from deployments.telemetry.family import Family
from scripts.observability.prometheus import Prometheus
from scripts.observability.queries import (
    Query,
    dashboard_queries,
    dashboards,
    rule_groups,
    rule_queries,
    selectors,
    unfiltered,
)

# What no run on one machine tells, and who does.
ELSEWHERE = {
    "kuberay_service_condition_ready": "the KubeRay operator",
    "kuberay_service_condition_upgrade_in_progress": "the KubeRay operator",
}
# The label of what a node's agent has no room for: a short run has none of that.
LOST = "otel_metric_overflow"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `wrong` says what is not as it must be."""

    kind: str
    what: str
    seen: str
    wrong: str | None = None


def findings(prometheus: Prometheus) -> Iterator[Finding]:
    """Each metric, each panel, each rule."""
    for family in FAMILIES:
        yield _family(prometheus, family)
    for file, dashboard in dashboards().items():
        for query in dashboard_queries(file, dashboard):
            yield _panel(prometheus, query)
    states = {rule["name"]: rule for rule in prometheus.rules()}
    for query in rule_queries(rule_groups()):
        wrong = rule_problem(prometheus, query)
        rule = states.get(query.where)
        if rule is None or rule["health"] != "ok":
            wrong = f"Prometheus: {rule and rule.get('lastError')}"
        state = (rule or {}).get("state", "recorded")
        yield Finding("rule", query.where, state, wrong)


def _family(prometheus: Prometheus, family: Family) -> Finding:
    if family.scraped in ELSEWHERE:
        return Finding("metric", family.scraped, f"told by {ELSEWHERE[family.scraped]}")
    name = family.scraped + ("_count" if family.kind == "histogram" else "")
    series = prometheus.query(name)
    total = prometheus.sum(name)
    wrong = None
    if not series:
        wrong = "is not told"
    elif family.kind != "gauge" and not total > 0:
        wrong = "stays 0"
    missing = {
        label
        for each in series
        for label in family.labels
        if not each["metric"].get(label)
    }
    if missing:
        wrong = f"lacks the labels {sorted(missing)}"
    return Finding("metric", family.scraped, f"{len(series)} series, {total:g}", wrong)


def _panel(prometheus: Prometheus, query: Query) -> Finding:
    what = f"{query.file}: {query.where}"
    names = {name for name, _ in selectors(query.expression)}
    for name in sorted(names & ELSEWHERE.keys()):
        return Finding(
            "panel", what, f"told by {ELSEWHERE[name]}", _evaluated(prometheus, query)
        )
    wrong = _selectors(prometheus, query)
    if wrong is None:
        wrong = _evaluated(prometheus, query)
    if wrong is not None:
        return Finding("panel", what, "", wrong)
    numbers = [float(each["value"][1]) for each in prometheus.query(query.expression)]
    finite = [number for number in numbers if math.isfinite(number)]
    if not finite:
        return Finding("panel", what, f"{len(numbers)} series", "shows no number")
    return Finding("panel", what, f"{len(finite)} series, largest {max(finite):.4g}")


def rule_problem(prometheus: Prometheus, query: Query) -> str | None:
    """Why a rule could never say anything, as far as this run shows."""
    if wrong := _selectors(prometheus, query):
        return wrong
    named = selectors(query.expression)
    elsewhere = any(name in ELSEWHERE or LOST in labels for name, labels in named)
    silent = elsewhere or "absent(" in query.expression
    if not silent and not prometheus.query(unfiltered(query.expression)):
        return "has no value, whatever its thresholds"
    return None


def _evaluated(prometheus: Prometheus, query: Query) -> str | None:
    try:
        prometheus.query(query.expression)
    except ValueError as error:
        return str(error)
    return None


def _selectors(prometheus: Prometheus, query: Query) -> str | None:
    """Whether each metric that the expression names has series with these labels."""
    for name, matchers in sorted(selectors(query.expression)):
        if name in ELSEWHERE or LOST in matchers:
            continue
        if not prometheus.query(f"last_over_time({name}{matchers}[10m])"):
            return f"{name}{matchers} has no series"
    return None
