"""A real Prometheus that scrapes one target, with our rules."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from scripts.processes import free_port
from scripts.running import running

# A scrape may take as long as its interval: of an agent on two busy cores it takes a
# second, and one that comes too late makes all series stale.
_SCRAPED_EVERY = "5s"
_EVALUATED_EVERY = "1s"


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

    def rules(self) -> list[dict[str, Any]]:
        """Each rule with its `health` and, of alerts, its `state`."""
        groups = self._client.get("rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def scraping(metrics_url: str, groups: list[dict[str, Any]]) -> Iterator[Prometheus]:
    """Until the end of the block, on a free port of 127.0.0.1.

    NotInstalled; NotStarted.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise NotInstalled("prometheus is not installed (Debian: prometheus)")
    with TemporaryDirectory() as name:
        directory = Path(name)
        _configure(directory, metrics_url, groups)
        port = free_port()
        command = [
            program,
            f"--config.file={directory / 'prometheus.yaml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        url = f"http://127.0.0.1:{port}"
        with (
            running(command, ready_url=f"{url}/-/ready"),
            closing(Prometheus(url)) as prometheus,
        ):
            yield prometheus


def _configure(directory: Path, metrics_url: str, groups: list[dict[str, Any]]) -> None:
    target = urlsplit(metrics_url)
    job = {
        "job_name": "ray",
        "metrics_path": target.path,
        "static_configs": [{"targets": [target.netloc]}],
    }
    config = {
        "global": {
            "scrape_interval": _SCRAPED_EVERY,
            "evaluation_interval": _EVALUATED_EVERY,
        },
        "rule_files": ["rules.yaml"],
        "scrape_configs": [job],
    }
    often = [{**group, "interval": _EVALUATED_EVERY} for group in groups]
    for name, content in (("prometheus", config), ("rules", {"groups": often})):
        text = yaml.safe_dump(content)
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
