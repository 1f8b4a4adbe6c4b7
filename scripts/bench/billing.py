"""See scripts/bench/billing."""

import argparse
import asyncio
import json
import os
import random
import time
from typing import Any

import httpx

from scripts.bench.asking import Question, Seen, ask
from scripts.bench.billing_result import Bill, report, show, sums
from scripts.bench.upstream_graph import (
    MODELS,
    PRICES,
    Graph,
    tenant_key,
    upstream_graph,
    upstream_model,
)
from scripts.option_types import number, result_file, whole
from scripts.upstream.faults import KINDS
from scripts.upstream.settings import Settings

_CENT = 0.005
_SETTLED_S = 20.0
_TENANTS = 8
_PACE = {"first_token_s": 0.02, "tokens_per_s": 300.0, "completion_tokens": 24}


def questions(options: argparse.Namespace) -> list[Question]:
    """The same for the same seed."""
    draw = random.Random(options.seed)
    names = [
        f"{name},{phase.value}" for name, kind in KINDS.items() for phase in kind.phases
    ]
    return [
        _question(number, draw, names, options) for number in range(options.requests)
    ]


def _question(
    number: int, draw: random.Random, faults: list[str], options: argparse.Namespace
) -> Question:
    name = f"bill-{options.seed}-{number:06}"
    metadata = {"request": name}
    stream = draw.random() < 0.5
    text = f"What is {draw.randrange(999)} × {draw.randrange(999)}?"
    body: dict[str, Any] = {
        "model": draw.choice(["auto", *MODELS]),
        "messages": [{"role": "user", "content": text}],
        "metadata": metadata,
        "stream": stream,
    }
    if body["model"] == "auto":
        body["routing"] = {"models": list(MODELS)}
    if stream:
        body["stream_options"] = {"include_usage": True}
    tokens, seconds = draw.randrange(1, 12), draw.uniform(0.03, 0.09)
    fault, model = draw.choice(faults), upstream_model(draw.choice(MODELS))
    leaves = draw.random() < options.leave_rate
    if draw.random() < options.fault_rate:
        where = f",model={model}" if draw.random() < 0.5 else ""
        metadata["fault"] = f"{fault}{where},key={number}"
    key = tenant_key(number % _TENANTS)
    return Question(
        name,
        key,
        body,
        leave_after=tokens if leaves and stream else None,
        leave_s=seconds if leaves and not stream else None,
    )


async def _ask_all(graph: Graph, asked: list[Question], concurrency: int) -> list[Seen]:
    turns = asyncio.Semaphore(concurrency)
    limits = httpx.Limits(max_connections=2 * concurrency)
    async with httpx.AsyncClient(limits=limits) as client:

        async def one(question: Question) -> Seen:
            async with turns:
                return await ask(client, graph.served.url, question)

        return await asyncio.gather(*map(one, asked))


def _bills(graph: Graph, asked: list[Question], seen: list[Seen]) -> list[Bill]:
    records, entries = graph.records(), graph.entries("request")
    return [
        Bill(
            question,
            saw,
            records.get(question.id, []),
            entries.get(question.id, []),
        )
        for question, saw in zip(asked, seen, strict=True)
    ]


def measure(options: argparse.Namespace) -> list[Bill]:
    """All requests on one graph, and their bills once they are settled."""
    settings = Settings(default=PRICES.model_copy(update=_PACE))
    http2 = options.http == "2"
    asked = questions(options)
    with upstream_graph(tenants=_TENANTS, http2=http2, settings=settings) as graph:
        seen = asyncio.run(_ask_all(graph, asked, options.concurrency))
        until = time.monotonic() + _SETTLED_S
        while True:
            bills = _bills(graph, asked, seen)
            if not any(bill.wrong() for bill in bills) or time.monotonic() > until:
                return bills
            time.sleep(1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost recorded against cost charged.")
    parser.add_argument("--requests", type=whole(1, 1_000_000), default=1000)
    parser.add_argument("--fault-rate", type=number(0, 1), default=0.1)
    parser.add_argument("--leave-rate", type=number(0, 1), default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concurrency", type=whole(1, 10_000), default=16)
    parser.add_argument("--http", choices=("1", "2"), default="1")
    parser.add_argument("--json", type=result_file, help="also write the figures here")
    options = parser.parse_args()
    bills = measure(options)
    show(bills)
    recorded, charged, unknown = sums(bills)
    wrong = sum(bill.wrong() is not None for bill in bills)
    n_unknown = sum(bill.unknown_usd > 0 for bill in bills)
    known = charged - unknown
    print(
        f"\nrecorded {recorded:.6f} USD, charged {known:.6f} USD, difference "
        f"{recorded - known:+.6f}; {wrong} of {len(bills)} requests wrong\n"
        f"unknown: {n_unknown} requests, charged {unknown:.6f} USD "
        "(an answer whose id never came)\n"
        f"load average {os.getloadavg()[0]:.1f}"
    )
    if options.json:
        options.json.write_text(json.dumps(report(bills), indent=1) + "\n")
    raise SystemExit(1 if wrong or abs(recorded - known) > _CENT else 0)


if __name__ == "__main__":
    main()
