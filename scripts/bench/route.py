"""See scripts/bench/route."""

import argparse
import json
import os
import time
from statistics import median, quantiles

import httpx

from artifacts.errors import BadInput
from artifacts.records import RecordReader
from scripts.option_types import result_file, whole
from scripts.records import zeroeval
from scripts.served import Served, served

PARTS = ("client", "http", "hop", "embedder", "router")


def measure(graph: Served, client: httpx.Client, query: str) -> dict[str, float]:
    """Milliseconds of one decision: `client` is the sum of the other parts."""
    body = {"messages": [{"role": "user", "content": query}]}
    began = time.perf_counter()
    response = client.post(f"{graph.url}/v1/route", json=body)
    client_ms = (time.perf_counter() - began) * 1e3
    response.raise_for_status()
    parts: dict[str, float] = response.json()["timings_ms"]
    return {"client": client_ms, "http": client_ms - parts.pop("total"), **parts}


def summary(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    all_ms = median(row["client"] for row in rows)
    return {
        part: {
            "p50_ms": (p50 := median(row[part] for row in rows)),
            "p99_ms": p99([row[part] for row in rows]),
            "share": p50 / all_ms,
        }
        for part in PARTS
    }


def p99(values: list[float]) -> float:
    """Never beyond the greatest, however few there are."""
    return quantiles(values, n=100, method="inclusive")[98]


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of a decision, by part.")
    parser.add_argument("--queries", type=whole(2, 10**6), default=300)
    parser.add_argument("--json", type=result_file, help="also write the figures here")
    options = parser.parse_args()
    try:
        queries = RecordReader().read([zeroeval()]).queries
    except BadInput as error:
        parser.error(str(error))
    chosen = queries[:: max(1, len(queries) // options.queries)][: options.queries]
    with served() as graph, httpx.Client(headers=graph.headers, timeout=60) as client:
        for _ in range(20):
            measure(graph, client, "warm-up")
        passes = {
            name: summary([measure(graph, client, query) for query in chosen])
            for name in ("first time", "cached")
        }
    print(f"{len(chosen)} queries, concurrency 1, load {os.getloadavg()[0]:.1f}")
    for name, table in passes.items():
        print(f"\n{name:12} {'p50 ms':>8} {'p99 ms':>8} {'share':>6}")
        for part, row in table.items():
            print(
                f"{part:12} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f} "
                f"{row['share']:6.0%}"
            )
    if options.json:
        options.json.write_text(json.dumps(passes, indent=1) + "\n")


if __name__ == "__main__":
    main()
