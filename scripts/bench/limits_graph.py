"""The real graph with tenants that have limits and budgets, the simulator behind it."""

import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from deployments.api_key import key_sha256
from scripts.served import Served, local_config, served_as
from tests.postgresql import PostgresServer

TENANT = "limited"
KEY = "sk-av-limited"
WARM_UP_KEY = "sk-av-warm-up"  # of a tenant of its own, whose limit nobody reaches
_START_S = 60.0


@dataclass(frozen=True)
class LimitsGraph:
    """A running graph, and where it keeps usage and leases."""

    served: Served
    database: Path
    postgresql: PostgresServer | None = None

    def kill(self, process: psutil.Process) -> None:
        """Without any warning."""
        process.send_signal(signal.SIGKILL)

    def wait_for_replicas(self, deployment: str, number: int) -> None:
        """Until so many processes of a deployment are there."""
        until = time.monotonic() + _START_S
        while len(self.served.replicas(deployment)) < number:
            if time.monotonic() > until:
                raise SystemExit(f"{deployment}: not {number} replicas")
            time.sleep(0.2)

    def sql(self, query: str) -> list[int]:
        """The one row of a query for whole numbers, from the graph's database."""
        if self.postgresql is not None:
            row = self.postgresql.run_sql(query, self.database.name)
            return [int(value) for value in row.split("|")]
        address = f"file:{self.database}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
            return list(connection.execute(query).fetchone())

    def spent(self) -> tuple[float, int, float]:
        """USD that are known, requests, and USD that unknown costs count as."""
        row = self.sql(
            "select coalesce(sum(cost_nusd), 0), count(*), coalesce(sum(case when "
            "cost_nusd is null then reserved_nusd else 0 end), 0) "
            f"from usage_records where tenant = '{TENANT}'"
        )
        return row[0] / 1e9, row[1], row[2] / 1e9

    def leased(self) -> float:
        """USD that replicas hold."""
        (nano,) = self.sql("select coalesce(sum(amount_nusd), 0) from leases")
        return float(nano) / 1e9


@contextmanager
def limits_graph(
    terms: Mapping[str, Any],
    *,
    replicas: int,
    simulator: Mapping[str, Any],
    postgresql: PostgresServer | None = None,
) -> Iterator[LimitsGraph]:
    """Its one tenant has `KEY`, and these limits. Without `postgresql`: SQLite."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        database = directory / "usage.db"
        url = f"sqlite:///{database}"
        if postgresql is not None:
            url = postgresql.new_database()
            database = Path(url)
        config = _config(directory, terms, replicas, simulator)
        config["applications"][0]["args"]["database"] = {"url": url}
        with served_as(config, directory) as graph:
            found = LimitsGraph(graph, database, postgresql)
            found.wait_for_replicas("Gateway", replicas)
            yield found


def _config(
    directory: Path,
    terms: Mapping[str, Any],
    replicas: int,
    simulator: Mapping[str, Any],
) -> Any:
    config = local_config()
    application = config["applications"][0]
    args = application["args"]
    args["usage"] = {"journal": str(directory / "journal")}
    args["backends"]["simulator"] |= simulator
    # The machine may be slow; nothing here is about routing.
    args["limits"] = {"route_timeout_s": 20}
    key = {"sha256": key_sha256(KEY)}
    warm_up = {"sha256": key_sha256(WARM_UP_KEY)}
    args["tenants"] = [
        {"id": TENANT, "alpha": 1.0, "keys": [key], **terms},
        {"id": "warm-up", "alpha": 1.0, "keys": [warm_up], "rpm_limit": 10**6},
    ]
    for deployment in application["deployments"]:
        if deployment["name"] == "Gateway":
            deployment["num_replicas"] = replicas
    return config
