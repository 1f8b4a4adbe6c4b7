"""A real Prometheus that scrapes one target, with our rules."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from scripts.processes import free_port

_START_S = 60.0


class NotInstalled(Exception):
    """There is no Prometheus here."""


class Prometheus:
    """Its HTTP API."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=30)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result now, as a vector; ValueError says what is wrong with it."""
        answer = self._client.post("query", data={"query": expression}).json()
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        data = answer["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        result: list[dict[str, Any]] = data["result"]
        return result

    def sum(self, expression: str) -> float:
        """The sum of all series; 0 if there are none."""
        return sum(float(series["value"][1]) for series in self.query(expression))

    def names(self) -> set[str]:
        """The metrics that it has ever scraped or recorded."""
        answer = self._client.get("label/__name__/values").json()
        return set(answer["data"])

    def rules(self) -> list[dict[str, Any]]:
        """Each rule with its `health` and, of alerts, its `state`."""
        groups = self._client.get("rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def scraping(
    metrics_url: str, groups: list[dict[str, Any]], *, every_s: int = 1
) -> Iterator[Prometheus]:
    """Until the end of the block, on a free port of 127.0.0.1; NotInstalled."""
    program = shutil.which("prometheus")
    if program is None:
        raise NotInstalled("prometheus is not installed (Debian: prometheus)")
    with TemporaryDirectory() as name:
        directory = Path(name)
        _configure(directory, metrics_url, groups, every_s)
        port = free_port()
        command = [
            program,
            f"--config.file={directory / 'prometheus.yaml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        try:
            _wait(process, f"http://127.0.0.1:{port}/-/ready", directory / "log")
            yield prometheus
        finally:
            prometheus.close()
            process.terminate()
            process.wait(30)


def _configure(
    directory: Path, metrics_url: str, groups: list[dict[str, Any]], every_s: int
) -> None:
    every = f"{every_s}s"
    target = urlsplit(metrics_url)
    job = {
        "job_name": "ray",
        "metrics_path": target.path,
        "static_configs": [{"targets": [target.netloc]}],
    }
    config = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [job],
    }
    often = [{**group, "interval": every} for group in groups]
    for name, content in (("prometheus", config), ("rules", {"groups": often})):
        text = yaml.safe_dump(content)
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")


def _wait(process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(ready, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"prometheus does not run:\n{log.read_text()[-2000:]}")
