"""What a real run tells, under a real Prometheus and a real receiver of traces.

`scripts/check-observability` is the same by hand.
"""

import shutil
from collections.abc import Iterator

import pytest

from scripts.observability.check import Run, all_findings, observed, show
from scripts.observability.findings import Finding, rule_problem
from scripts.observability.load import CLIENT_SPAN, SECRET
from scripts.observability.queries import Query
from scripts.observability.trace import problems

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    with observed() as run:
        yield run


@pytest.fixture(scope="module")
def found(run) -> list[Finding]:
    found = all_findings(run)
    show(run, found)  # seen if a test fails
    return found


@pytest.mark.parametrize("kind", ["metric", "panel", "rule", "count", "log"])
def test_what_is_asked_for_is_told(found, kind):
    looked_at = [finding for finding in found if finding.kind == kind]

    assert looked_at
    assert [f"{f.what}: {f.wrong}" for f in looked_at if f.wrong] == []


def test_one_trace_goes_through_all_deployments(run):
    assert problems(run.trace(), CLIENT_SPAN) == []
    assert not any(SECRET.encode() in body for body in run.graph.receiver.bodies)


def test_a_metric_that_nobody_tells_would_be_found(run):
    assert run.prometheus.query("ray_avengers_requests_totle") == []
    with pytest.raises(ValueError, match="parse error"):
        run.prometheus.query("sum(")


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("max by (WorkerId) (ray_avengers_ledger_reachable) > 7", None),
        (
            "max by (WorkerId) (ray_avengers_ledger_reachable)"
            " > max by (model) (ray_avengers_breaker_state)",
            "has no value, whatever its thresholds",
        ),
        (
            'ray_avengers_requests_total{status="600"} > 0',
            'ray_avengers_requests_total{status="600"} has no series',
        ),
    ],
)
def test_a_rule_that_could_never_fire_would_be_found(run, expression, wrong):
    assert rule_problem(run.prometheus, Query("", "", expression)) == wrong
