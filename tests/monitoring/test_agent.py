"""What Ray's agent makes of more series than it keeps: AvengersSeriesLost."""

import subprocess
import sys

from scripts.observability.findings import LOST
from scripts.observability.queries import rule_groups

# In a process of its own: the agent's recorder is the only one of its process.
AGENT = """
from prometheus_client import generate_latest
from ray._private.telemetry.open_telemetry_metric_recorder import (
    OpenTelemetryMetricRecorder,
)

recorder = OpenTelemetryMetricRecorder()
recorder.register_counter_metric("kept_total", "of replicas that came one by one")
recorder.register_gauge_metric("kept_bucket", "of replicas that came one by one")


def count(replica, **labels):
    tags = {"WorkerId": str(replica), "status": "", **labels}
    recorder.set_metric_value("kept_total", tags, 1)


for replica in range(125):
    for bound in range(16):
        count(replica, status="200", tenant=str(bound))
        tags = {"WorkerId": str(replica), "le": str(bound)}
        recorder.set_metric_value("kept_bucket", tags, 1)
    generate_latest()
count(125, status="502")
recorder.set_metric_value("kept_bucket", {"WorkerId": "125", "le": "0"}, 1)
print(generate_latest().decode())
"""


def test_what_comes_after_two_thousand_series_has_lost_its_labels() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AGENT], capture_output=True, text=True, check=True
    )

    lines = done.stdout.splitlines()
    assert not [line for line in lines if 'status="502"' in line]
    for name in ("ray_kept_total", "ray_kept_bucket"):
        told = [line for line in lines if line.startswith(f"{name}{{")]
        [lost] = [line for line in told if f'{LOST}="true"' in line]
        assert 'WorkerId=""' in lost


def test_the_alert_looks_for_that_label() -> None:
    [rule] = [
        rule
        for group in rule_groups()
        for rule in group["rules"]
        if rule.get("alert") == "AvengersSeriesLost"
    ]

    assert f'{{{LOST}="true"}}' in rule["expr"]
