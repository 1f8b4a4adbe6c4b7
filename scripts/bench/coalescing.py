"""See scripts/bench/coalescing."""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count, cycle
from statistics import median

import aiohttp
import psutil

from scripts.option_types import number, result_file, whole
from scripts.served import ROOT
from serve_app.launching.launch import local_cluster
from serve_app.launching.ports import PortBlock

WAYS = ("plain", "serve.batch", "shared, 1 call", "shared, 2 calls")
_KNOWN = 100


@dataclass(frozen=True)
class Row:
    """What one way does at one concurrency."""

    way: str
    texts: str  # known, or new
    concurrency: int
    requests_per_s: float
    p50_ms: float
    cpu_ms: float  # of all processes of the cluster, per request


def _texts(kind: str) -> Iterator[str]:
    if kind == "known":
        return cycle(
            f"What is {number} times 7? Show each step." for number in range(_KNOWN)
        )
    stamp = time.time_ns()
    return (f"What is {number} times {stamp}?" for number in count())


async def _load(
    url: str, texts: Iterator[str], concurrency: int, seconds: float
) -> list[float]:
    taken: list[float] = []
    until = time.perf_counter() + seconds
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def client() -> None:
            while (began := time.perf_counter()) < until:
                async with session.post(url, data=next(texts).encode()) as response:
                    response.raise_for_status()
                    await response.read()
                taken.append(time.perf_counter() - began)

        await asyncio.gather(*(client() for _ in range(concurrency)))
    return taken


def _cpu_s() -> float:
    """Of all that this process has started."""
    used = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            used += sum(process.cpu_times()[:2])
        except psutil.Error:
            continue
    return used


def measure(way: str, options: argparse.Namespace) -> Iterator[Row]:
    """One cluster for each way."""
    app = {
        "name": "coalescing",
        "route_prefix": "/",
        "import_path": "scripts.bench.coalescing_app:build_app",
        "args": {"way": way},
    }
    with PortBlock.take(range(19000, 20000, 100)) as ports:
        http = {"host": "127.0.0.1", "port": ports.first + 1}
        logging = {"enable_access_log": False}
        config = {
            "applications": [app],
            "http_options": http,
            "logging_config": logging,
        }
        with local_cluster(config) as cluster:
            cluster.wait_until_ready()
            asyncio.run(_load(cluster.url, _texts("known"), 16, 2.0))
            for kind in ("known", "new"):
                for concurrency in options.concurrency:
                    yield _row(cluster.url, way, kind, concurrency, options.seconds)


def _row(url: str, way: str, kind: str, concurrency: int, seconds: float) -> Row:
    used, began = _cpu_s(), time.perf_counter()
    taken = asyncio.run(_load(url, _texts(kind), concurrency, seconds))
    wall, used = time.perf_counter() - began, _cpu_s() - used
    n = len(taken)
    return Row(way, kind, concurrency, n / wall, median(taken) * 1e3, used / n * 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Ways to share the call to the Router."
    )
    parser.add_argument("--seconds", type=number(0.1, 3600), default=3.0)
    parser.add_argument(
        "--concurrency", type=whole(1, 10_000), nargs="+", default=[1, 16, 64]
    )
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--json", type=result_file, help="also write the figures here")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)  # for Ray's workers
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'way':17}{'texts':7}{'c':>3}{'req/s':>8}{'p50 ms':>9}{'CPU-ms':>8}")
    found = []
    for way in options.way or WAYS:
        for row in measure(way, options):
            found.append(row)
            print(
                f"{row.way:17}{row.texts:7}{row.concurrency:3}"
                f"{row.requests_per_s:8.0f}{row.p50_ms:9.2f}{row.cpu_ms:8.2f}"
            )
    if options.json:
        rows = [asdict(row) for row in found]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
