"""Runs the graph under a real Prometheus and looks at all that is asked of it."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from scripts.observability.findings import Finding, findings
from scripts.observability.graph import REPORT_S, Graph, observed_graph
from scripts.observability.load import CLIENT_SPAN, SECRET, TRACE_ID, Load
from scripts.observability.otlp import ReceivedSpan
from scripts.observability.prometheus import NotInstalled, Prometheus, scraping
from scripts.observability.queries import rule_groups
from scripts.observability.trace import problems, tree
from scripts.option_types import result_file
from scripts.running import NotStarted

_WAVES = 2
_PAUSE_S = 2.0 * REPORT_S  # a report to the agent and a scrape lie in between
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Run:
    """What was asked, and where its traces are seen."""

    graph: Graph
    prometheus: Prometheus
    load: Load

    def trace(self) -> list[ReceivedSpan]:
        """The spans of the client's trace."""
        return self.graph.receiver.spans(TRACE_ID)


@contextmanager
def observed() -> Iterator[Run]:
    """A graph that has been under load, scraped all the time; see `scraping`."""
    with (
        observed_graph() as graph,
        scraping(graph.metrics_url, rule_groups()) as prometheus,
        closing(Load(graph.served.url)) as load,
    ):
        for number in range(_WAVES):
            load.wave(number)
            time.sleep(_PAUSE_S)
        load.traced()
        run = Run(graph, prometheus, load)
        _settle(run)
        yield run


def _settle(run: Run) -> None:
    """Until the last request is in the metrics and in its trace, or patience ends."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        counted = run.prometheus.sum("ray_avengers_requests_total")
        if counted >= run.load.asked and not problems(run.trace(), CLIENT_SPAN):
            break
        time.sleep(0.5)
    time.sleep(_PAUSE_S)


def all_findings(run: Run) -> list[Finding]:
    """Metrics, panels, rules; then counts, the trace and the log."""
    return [*findings(run.prometheus), *_counts(run), _trace(run), *_log(run)]


def _counts(run: Run) -> Iterator[Finding]:
    counted = run.prometheus.sum("ray_avengers_requests_total")
    wrong = None if counted == run.load.asked else f"{run.load.asked} were asked"
    yield Finding("count", "requests", f"{counted:g}", wrong)
    left = run.prometheus.sum('ray_avengers_requests_total{status="499"}')
    wrong = None if left == run.load.left else f"{run.load.left} clients left"
    yield Finding("count", "clients that left", f"{left:g}", wrong)


def _trace(run: Run) -> Finding:
    wrong = problems(run.trace(), CLIENT_SPAN)
    if any(SECRET.encode() in body for body in run.graph.receiver.bodies):
        wrong.append("a prompt was told")
    seen = f"{len(run.trace())} spans"
    return Finding("trace", "one request", seen, "; ".join(wrong) or None)


def _log(run: Run) -> Iterator[Finding]:
    lines = run.graph.log_lines()
    wrong = None if len(lines) == run.load.asked else f"{run.load.asked} were asked"
    yield Finding("log", "a line for each request", f"{len(lines)} lines", wrong)
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    found = [entry for entry in entries if entry["trace_id"] == TRACE_ID]
    wrong = None if len(found) == 1 else "the traced request has no line of its own"
    if any("Zaphod" in line or "sk-av" in line for line in lines):
        wrong = "a prompt or a key is in the log"
    yield Finding("log", "the traced request", json.dumps(found[-1:]), wrong)


def show(run: Run, found: list[Finding]) -> None:
    """All of it, what is wrong last."""
    for finding in found:
        mark = "FAIL" if finding.wrong else "ok"
        said = f"{finding.seen}  {finding.wrong or ''}".rstrip()
        print(f"{mark:4} {finding.kind:6} {finding.what:74} {said}")
    print("\n".join(["", f"trace {TRACE_ID}", *tree(run.trace())]))
    wrong = [finding for finding in found if finding.wrong]
    print(f"\n{len(found)} looked at, {len(wrong)} wrong; answers: {run.load.statuses}")


def main() -> None:
    """Run, print, and judge by the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/check-observability")
    parser.add_argument("--json", type=result_file)
    options = parser.parse_args()
    try:
        with observed() as run:
            found = all_findings(run)
            show(run, found)
    except (NotInstalled, NotStarted) as error:
        sys.exit(f"error: {error}")
    if options.json:
        rows = [asdict(finding) for finding in found]
        options.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    if any(finding.wrong for finding in found):
        sys.exit("error: something is not told as dashboards and alerts expect it")


if __name__ == "__main__":
    main()
