"""A local cluster that is coming up or runs: its address, its progress, its failure."""

import logging
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_POLL_S = 0.1
_SILENT_S = 15.0
_ERROR_LINE = re.compile(r"[\w.]*(Error|Exception)\b.*:")
_HAPROXY_ALERT = re.compile(r"\[ALERT\] +\(\d+\) : (.+)")


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
        """Until every application runs and HTTP is served; LaunchError if one fails.

        What Serve says of deployments that are slow is told as warnings meanwhile; of a
        failure also where the logs are, as one line may not be all that is to be known.
        """
        began = time.monotonic()
        try:
            self._wait(began, timeout_s)
        except LaunchError as error:
            raise LaunchError(f"{error}; logs: {self.logs}") from error.__cause__
        first = self.start_up
        self.start_up = StartUp(
            first.import_s, first.ray_s, first.serve_s, time.monotonic() - began
        )
        return self.start_up

    def _wait(self, began: float, timeout_s: float) -> None:
        waiting, told = set(self._apps), set[str]()
        while waiting:
            statuses = self._client.list_serve_statuses()
            waiting -= _running(statuses)
            for said in sorted(_slow(statuses) - told):
                log.warning("%s", said)
                told.add(said)
            if waiting and time.monotonic() - began > timeout_s:
                names = ", ".join(sorted(waiting))
                raise LaunchError(f"not ready after {timeout_s:g} s: {names}")
            time.sleep(_POLL_S if waiting else 0)
        try:
            self._client.wait_for_proxies_serving(wait_for_applications_running=True)
        except TimeoutError as error:
            raise LaunchError(f"HTTP is not served: {error}") from error

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


def _running(statuses: Sequence[Any]) -> set[str]:
    """The applications that run; LaunchError at the first that failed."""
    for status in statuses:
        if status.app_status.status in ("DEPLOY_FAILED", "UNHEALTHY"):
            raise LaunchError(f"application {status.name}: {_reason(status)}")
    return {each.name for each in statuses if each.app_status.status == "RUNNING"}


def _slow(statuses: Sequence[Any]) -> set[str]:
    """What Serve says of deployments that are not there yet; for half a minute nothing.

    Of a replica that cannot be placed it says which resources that would take.
    """
    parts = [part for status in statuses for part in status.deployment_statuses]
    found = set()
    for part in parts:
        if part.status == "UPDATING" and part.message.strip():
            first, last = part.message.strip().splitlines()[0], last_line(part.message)
            said = first if first == last else f"{first} {last}"
            found.add(f"{part.name}: {said}")
    return found


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
    """The line of a report that tells most: the last error's, as a rule.

    HAProxy's first alert says why it does not start; notices stand before it.
    """
    if alert := _HAPROXY_ALERT.search(report):
        return f"HAProxy: {alert[1].strip()}"
    lines = [line.strip() for line in report.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    return (errors or lines or ["no reason given"])[-1]
