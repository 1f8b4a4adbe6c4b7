"""A local cluster that is coming up or runs: its address, its progress, its failure."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_POLL_S = 0.1
_SILENT_S = 15.0
_ERROR_LINE = re.compile(r"[\w.]*(Error|Exception)\b.*:")


class LaunchError(Exception):
    """The cluster or an application could not be started; one line says why."""


@dataclass(frozen=True)
class StartUp:
    """Seconds from `local_cluster` on, part by part; `ready_s` is NaN until ready."""

    import_s: float
    ray_s: float
    serve_s: float
    ready_s: float = float("nan")

    @property
    def total_s(self) -> float:
        return self.import_s + self.ray_s + self.serve_s + self.ready_s


@dataclass
class LocalCluster:
    """A running cluster. `logs` is the directory with the log file of every process."""

    host: str
    port: int
    logs: Path
    start_up: StartUp
    dashboard_url: str | None = None
    metrics_url: str | None = None
    _client: Any = field(default=None, repr=False)
    _apps: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def wait_until_ready(self, timeout_s: float = 120.0) -> StartUp:
        """Until every application runs and HTTP is served; LaunchError if one fails."""
        began = time.monotonic()
        waiting = set(self._apps)
        while waiting:
            for status in self._client.list_serve_statuses():
                state = status.app_status
                if state.status == "RUNNING":
                    waiting.discard(status.name)
                elif state.status in ("DEPLOY_FAILED", "UNHEALTHY"):
                    raise LaunchError(f"{status.name}: {_reason(status)}")
            if waiting and time.monotonic() - began > timeout_s:
                names = ", ".join(sorted(waiting))
                raise LaunchError(f"not ready after {timeout_s:g} s: {names}")
            time.sleep(_POLL_S if waiting else 0)
        self._client.wait_for_proxies_serving(wait_for_applications_running=True)
        first = self.start_up
        self.start_up = StartUp(
            first.import_s, first.ray_s, first.serve_s, time.monotonic() - began
        )
        return self.start_up

    def drain(self) -> None:
        """Take no more requests, and wait until those under way have ended.

        Serve gives each deployment its `graceful_shutdown_timeout_s`. Without this it
        ends HAProxy first, and with it every answer.
        """
        import ray

        controller = self._client._controller
        # A controller that is gone, or says nothing for long, drains nothing.
        with suppress(ray.exceptions.RayError):
            controller.delete_apps.remote([*self._apps])
            while ray.get(controller.list_serve_statuses.remote(), timeout=_SILENT_S):
                time.sleep(_POLL_S)


def _reason(status: Any) -> str:
    """What went wrong, in one line: of a traceback, the line that names the error.

    Serve tells it of the failed deployment; of the application only that one failed.
    """
    failed = [d for d in status.deployment_statuses if "FAILED" in str(d.status)]
    reports: list[str] = [part.message for part in failed] or [
        status.app_status.message
    ]
    return last_line(reports[0])


def last_line(report: str) -> str:
    lines = [line.strip() for line in report.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    return (errors or lines or ["no reason given"])[-1]
