"""What counting costs: our tally, Ray's own metrics, and Ray's agent behind them."""

import argparse
import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import psutil

from deployments.telemetry.families import FIRST_TOKEN, OVERHEAD, REQUESTS
from deployments.usage.record import UsageRecord
from scripts.option_types import result_file, whole
from serve_app.observing.metrics import GatewayMetrics
from serve_app.observing.request_files import RequestFile
from serve_app.observing.request_log import RequestLog

_REPORT_S = 1.0
_LABELS = ("tenant", "model", "tier", "200")
_RECORD = UsageRecord(
    id="use-1",
    request_id="req-1",
    at=0.0,
    tenant="tenant",
    key_id="0123456789ab",
    cost_tier="tier",
    alpha=0.5,
    surface="chat/completions",
    stream=True,
    requested_model="auto",
    status="answered",
    latency_s=2.0,
    model="model",
    backend="openrouter",
    first_byte_s=0.5,
    prompt_tokens=100,
    completion_tokens=50,
    cost_usd=0.001,
    cost_source="upstream",
)
_SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback only
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_metrics_report_interval_ms": str(int(_REPORT_S * 1000)),
}


def counted(events: int) -> dict[str, float]:
    """CPU seconds in a process of Ray's, by what was done `events` times."""
    from deployments.telemetry.ray_export import RayExport
    from deployments.telemetry.tally import Tally

    async def measure(directory: Path) -> dict[str, float]:
        export, tally = RayExport(), Tally(RayExport())
        metrics = GatewayMetrics(tally)
        log = RequestLog(RequestFile(directory, "bench", kept_bytes=0))
        tenant: Any = SimpleNamespace(id="tenant", key_id="0123456789ab")
        plan = SimpleNamespace(tenant=tenant)
        call: Any = SimpleNamespace(plan=plan, request_id="req-1")

        def request() -> None:
            metrics.routed(0.004)
            metrics.decided("model", "tier", "routed", None)
            metrics.ended(_RECORD, "tenant", 200, ())
            metrics.overhead(0.008)
            metrics.saved("tenant", 0.001)

        ways: dict[str, Callable[[], None]] = {
            "counter, tallied": lambda: tally.count(REQUESTS, _LABELS),
            "counter, Ray's own": lambda: export.count(REQUESTS, _LABELS, 1.0),
            "histogram, counted here": lambda: tally.observe(OVERHEAD, 0.004),
            "histogram, Ray's own": lambda: tally.observe(FIRST_TOKEN, 0.4, ("model",)),
            "metrics of a stream": request,
            "its line in the log": lambda: log.ended(call, _RECORD, 200, None),
        }
        return {name: _seconds(way, events) for name, way in ways.items()}

    with TemporaryDirectory() as name:
        return asyncio.run(measure(Path(name)))


def _seconds(way: Callable[[], None], events: int) -> float:
    way()
    start = time.process_time()
    for _ in range(events):
        way()
    return time.process_time() - start


def observe(events: int) -> None:
    """So many values for a histogram of Ray's, for the agent to take."""
    from deployments.telemetry.ray_export import RayExport

    export = RayExport()
    for number in range(events):
        export.observe(FIRST_TOKEN, ("model",), 0.05 * (number % 20))


@contextmanager
def ray_alone() -> Iterator[tuple[Any, psutil.Process]]:
    """Ray, and the process of its agent."""
    os.environ.update(_SETTINGS)
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        children = psutil.Process().children(recursive=True)
        agents = [c for c in children if "DashboardAgent" in " ".join(c.cmdline())]
        yield ray, agents[0]
    finally:
        ray.shutdown()


def _agent_seconds(agent: psutil.Process, work: Callable[[], Any]) -> float:
    times = agent.cpu_times()
    work()
    time.sleep(5 * _REPORT_S)
    now = agent.cpu_times()
    return float(now.user + now.system - times.user - times.system)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench/metrics")
    parser.add_argument("--events", type=whole(1, 10**8), default=50_000)
    parser.add_argument("--json", type=result_file)
    options = parser.parse_args()
    with ray_alone() as (ray, agent):
        run = ray.remote(counted)
        rows = {
            name: seconds / options.events * 1e6
            for name, seconds in ray.get(run.remote(options.events)).items()
        }
        told = ray.remote(observe)
        idle = _agent_seconds(agent, lambda: None)
        busy = _agent_seconds(agent, lambda: ray.get(told.remote(options.events)))
        rows["histogram, in the agent"] = (busy - idle) / options.events * 1e6
    for name, microseconds in rows.items():
        print(f"{name:26} {microseconds:6.2f} µs")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
