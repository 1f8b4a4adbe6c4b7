"""Times the store with many tenants, what a Gateway replica makes of a snapshot, and
how soon a change is known to all replicas of a real graph. Exits with 0 only if that is
within two seconds, always, and no request fails meanwhile.

SQLite in a directory of its own, and PostgreSQL, started for the purpose with its
defaults: commits wait for the disk. Times are medians where a step is done again.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import pickle
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from deployments.catalog import ModelCatalog
from deployments.store.snapshot import Snapshot
from scripts.bench.made_tenants import MODELS, secret
from scripts.bench.tenants_graph import time_changes
from scripts.bench.tenants_reached import MOST_S, Reached
from scripts.bench.tenants_store import Figures, time_store, timed
from scripts.option_types import result_file, whole
from serve_app.access.tenants import Directory
from serve_app.live_settings import LiveSettings
from tests.postgresql import postgresql_server


def time_replica(path: str, options: argparse.Namespace) -> Figures:
    """In a process of its own: what a Gateway replica does with a snapshot."""
    figures: Figures = {}
    process = psutil.Process()
    held = process.memory_info().rss
    data = Path(path).read_bytes()
    figures["snapshot, pickled, MiB"] = len(data) / 2**20
    with timed(figures, "unpickle, s"):
        snapshot: Snapshot = pickle.loads(data)
    with timed(figures, "LiveSettings, s"):
        settings = LiveSettings(
            catalog=ModelCatalog.model_validate(
                {"models": [{"id": m, "upstream_model": m} for m in MODELS]}
            ),
            cost_tiers=snapshot.cost_tiers,
            tenants=snapshot.tenants,
            default_model=MODELS[0],
        )
    with timed(figures, "Directory, s"):
        directory = Directory(settings, {})
    del data
    figures["memory of it, MiB"] = (process.memory_info().rss - held) / 2**20
    headers = [
        f"Bearer {secret(n % options.tenants, n % options.keys)}" for n in range(10**5)
    ]
    start = time.perf_counter()
    for header in headers:
        directory.authenticate(header)
    figures["authenticate a request, µs"] = (
        (time.perf_counter() - start) / len(headers) * 1e6
    )
    return figures


def main() -> None:
    """Time all, print the table, write it where --json says."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, snapshot = asyncio.run(time_store(f"sqlite:///{folder}/db", options))
        figures = {"sqlite": found}
        with postgresql_server(fsync=True) as server:
            url = server.new_database()
            figures["postgresql"] = asyncio.run(time_store(url, options))[0]
        path = Path(folder) / "snapshot"
        path.write_bytes(pickle.dumps(snapshot))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            replica = pool.apply(time_replica, (str(path), options))
    reached = time_changes(
        tenants=options.tenants,
        keys=options.keys,
        replicas=options.replicas,
        changes=options.changes,
    )
    _print(figures, replica, reached, options)
    if options.json:
        sizes = {name: value for name, value in vars(options).items() if name != "json"}
        all_of_it = {**sizes, **figures, "replica": replica, "graph": vars(reached)}
        text = json.dumps(all_of_it, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    sys.exit(0 if reached.holds else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bench/tenants")
    parser.add_argument("--tenants", type=whole(1, 10**6), default=10_000)
    parser.add_argument("--keys", type=whole(1, 1000), default=2, help="of each tenant")
    parser.add_argument(
        "--records", type=whole(1, 10**6), default=1000, help="in a batch"
    )
    parser.add_argument(
        "--replicas", type=whole(1, 1000), default=4, help="of the Gateway"
    )
    parser.add_argument(
        "--changes", type=whole(1, 10_000), default=20, help="keys issued, revoked"
    )
    parser.add_argument(
        "--json", type=result_file, metavar="FILE", help="write the figures"
    )
    return parser


def _print(
    figures: dict[str, Figures],
    replica: Figures,
    reached: Reached,
    options: argparse.Namespace,
) -> None:
    keys = options.tenants * options.keys
    table = Table(title=f"{options.tenants:,} tenants, {keys:,} keys")
    for name in ("", "SQLite", "PostgreSQL"):
        table.add_column(name, justify="right" if name else "left")
    for name, value in figures["sqlite"].items():
        table.add_row(name, f"{value:.4f}", f"{figures['postgresql'][name]:.4f}")
    table.add_section()
    for name, value in replica.items():
        table.add_row(f"replica: {name}", f"{value:.2f}", "")
    table.add_section()
    for name, said in reached.figures().items():
        table.add_row(f"graph: {name}", said, "")
    console = Console()
    console.print(table)
    if not reached.holds:
        console.print(f"WRONG: a change took over {MOST_S:g} s, or a request failed")
    console.print(f"{os.cpu_count()} cores; load at the end {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
