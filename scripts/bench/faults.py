"""See scripts/bench/faults."""

import argparse
import asyncio
import json
import os
import time

import httpx

from scripts.bench.asking import Question, Seen, ask
from scripts.bench.fault_page import page
from scripts.bench.fault_result import Result, result_json, show_results
from scripts.bench.fault_rows import Row, rows
from scripts.bench.upstream_graph import (
    MODELS,
    Graph,
    tenant_key,
    upstream_graph,
    upstream_model,
)
from scripts.option_types import result_file
from scripts.placing import PLACES

_QUESTION = "What is 6 × 7? Explain each step."
# Over HTTP/2 all share one connection, and a row that breaks it breaks the others.
_TOGETHER = {"HTTP/1.1": 6, "HTTP/2": 1}
_SETTLED_S = 14.0  # the gateway asks what a broken answer cost, a little later


async def _run(graph: Graph, chosen: list[Row]) -> list[tuple[Seen, float]]:
    first = graph.ranking(_QUESTION)[0]
    turns = asyncio.Semaphore(_TOGETHER[graph.protocol])

    async def one(number: int, row: Row) -> tuple[Seen, float]:
        async with turns:
            # A client that hangs up must not wait for the pool.
            async with httpx.AsyncClient() as client:
                question = _question(number, row, first)
                seen = await ask(client, graph.served.url, question)
            return seen, time.time()

    return await asyncio.gather(*(one(*item) for item in enumerate(chosen)))


def _question(number: int, row: Row, first: str) -> Question:
    fault = f"{row.wish},model={upstream_model(first)},key={number}"
    body = {
        "model": "auto" if row.way == "auto" else first,
        "messages": [{"role": "user", "content": _QUESTION}],
        "metadata": {"fault": fault, "row": f"{number}"},
        "stream": row.mode == "stream",
    }
    if row.way == "auto":
        body["routing"] = {"models": list(MODELS)}
    if row.mode == "stream":
        body["stream_options"] = {"include_usage": True}
    return Question(
        _request_id(number), tenant_key(number), body, row.leave_after, row.leave_s
    )


def _request_id(number: int) -> str:
    return f"row-{number:04}"


def _results(
    graph: Graph, chosen: list[Row], seen: list[tuple[Seen, float]]
) -> list[Result]:
    records, entries = graph.records(), graph.entries()
    first = graph.ranking(_QUESTION)[0]
    return [
        Result(
            row,
            saw,
            records.get(_request_id(number), []),
            entries.get(f"{number}", []),
            first,
            left_at,
        )
        for number, (row, (saw, left_at)) in enumerate(zip(chosen, seen, strict=True))
    ]


def measure(
    protocol: str, chosen: list[Row], placement: str = "deployment"
) -> list[Result]:
    """These rows on one graph."""
    http2 = protocol == "HTTP/2"
    with upstream_graph(
        tenants=max(1, len(chosen)), http2=http2, placement=placement
    ) as graph:
        seen = asyncio.run(_run(graph, chosen))
        until = time.monotonic() + _SETTLED_S
        while True:
            results = _results(graph, chosen, seen)
            if all(map(Result.settled, results)) or time.monotonic() > until:
                return results
            time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description="Every fault, on the real graph.")
    parser.add_argument("--http", choices=("1", "2", "both"), default="both")
    parser.add_argument(
        "--placement",
        choices=PLACES,
        default="deployment",
        help="where Router and backend run",
    )
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--json", type=result_file, help="also write the rows here")
    parser.add_argument("--markdown", type=result_file, help="the rows as a page")
    options = parser.parse_args()
    protocols = {"1": ["HTTP/1.1"], "2": ["HTTP/2"], "both": ["HTTP/1.1", "HTTP/2"]}
    found: dict[str, list[Result]] = {}
    for protocol in protocols[options.http]:
        wanted = [row for row in rows(protocol) if options.only in row.label]
        results = found[protocol] = measure(protocol, wanted, options.placement)
        print(f"\nThe upstream speaks {protocol}\n")
        show_results(results)
    every = [result for results in found.values() for result in results]
    wrong, n_rows = sum(bool(result.wrong()) for result in every), len(every)
    load = os.getloadavg()[0]
    print(f"\n{n_rows - wrong} of {n_rows} rows as designed (load {load:.1f})")
    if options.json:
        rows_json = [row for item in found.items() for row in result_json(*item)]
        options.json.write_text(json.dumps(rows_json, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(page(found), encoding="utf-8")
    raise SystemExit(1 if wrong or not n_rows else 0)


if __name__ == "__main__":
    main()
