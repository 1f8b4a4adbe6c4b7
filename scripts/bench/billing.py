"""See scripts/bench/billing."""

import argparse
import asyncio
import json
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from deployments.usage import UsageRecord
from scripts.bench.asking import Question, Seen, ask
from scripts.bench.fault_result import SAME_USD, lost_usd, told_right
from scripts.bench.upstream_graph import (
    MODELS,
    PRICES,
    Graph,
    load_average,
    tenant_key,
    upstream_graph,
    upstream_model,
)
from scripts.upstream.faults import KINDS
from scripts.upstream.ledger import Entry
from scripts.upstream.settings import Settings

_CENT = 0.005
_SETTLED_S = 20.0
_TENANTS = 8
_PACE = {"first_token_s": 0.02, "tokens_per_s": 300.0, "completion_tokens": 24}
_SHOWN = 12


@dataclass(frozen=True)
class Bill:
    """One request: what its client saw, what was recorded, what was charged."""

    question: Question
    seen: Seen
    records: list[UsageRecord]
    entries: list[Entry]

    @property
    def charged_usd(self) -> float:
        return sum(entry.charged_usd for entry in self.entries)

    @property
    def unknown_usd(self) -> float:
        """The part of it that the gateway cannot learn."""
        return lost_usd(self.entries)

    @property
    def recorded_usd(self) -> float:
        """As far as it is known; None where something is known to be charged is wrong."""
        return sum(map(_known_usd, self.records))

    @property
    def kind(self) -> str:
        """A row of the table."""
        mode = "stream" if self.question.body["stream"] else "unary"
        fault = "fault" if "fault" in self.question.body["metadata"] else "no fault"
        ends = {"error": "error", "left": "client left", "cut": "cut"}
        end = ends.get(self.seen.ended, "answered")
        if end == "answered" and self.seen.n_failures:
            end = "answered after a failure"
        return f"{mode}, {fault}, {end}"

    def wrong(self) -> str | None:
        """Why this request is not billed as it should be."""
        if len(self.records) != 1:
            return f"{len(self.records)} records"
        known_usd, source = (
            self.charged_usd - self.unknown_usd,
            self.records[0].cost_source,
        )
        if abs(self.recorded_usd - known_usd) > SAME_USD:
            return (
                f"recorded {self.recorded_usd:.6f} ({source}), charged {known_usd:.6f}"
            )
        if self.unknown_usd and self.records[0].cost_usd == 0.0:
            return "what is unknown is recorded as nothing"
        if not told_right(self.seen, self.entries):
            return f"the client was told {self.seen.cost_usd}"
        return None


def _known_usd(record: UsageRecord) -> float:
    return record.failed_cost_usd if record.cost_usd is None else record.cost_usd


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


def show(bills: list[Bill]) -> None:
    """Sums by kind, then what is wrong."""
    heads = ("requests", "told USD", "recorded", "charged", "unknown", "wrong")
    print(f"{'':44}" + "".join(f"{head:>12}" for head in heads))
    kinds = sorted({bill.kind for bill in bills})
    for kind in [*kinds, "all"]:
        of = [bill for bill in bills if kind in {bill.kind, "all"}]
        told = sum(bill.seen.cost_usd or 0.0 for bill in of)
        sums = (told, *_sums(of))
        wrong = sum(bill.wrong() is not None for bill in of)
        cells = "".join(f"{usd:12.6f}" for usd in sums)
        print(f"{kind:44}{len(of):12}{cells}{wrong:12}")
    wrong_bills = [bill for bill in bills if bill.wrong()]
    for bill in wrong_bills[:_SHOWN]:
        fault = bill.question.body["metadata"].get("fault", "")
        print(f"  {bill.question.id} {bill.kind} {fault}: {bill.wrong()}")
    if len(wrong_bills) > _SHOWN:
        print(f"  … and {len(wrong_bills) - _SHOWN} more")


def _sums(bills: list[Bill]) -> tuple[float, float, float]:
    """Recorded; charged; and the part of it that nobody can ask for."""
    return (
        sum(bill.recorded_usd for bill in bills),
        sum(bill.charged_usd for bill in bills),
        sum(bill.unknown_usd for bill in bills),
    )


def _report(bills: list[Bill]) -> dict[str, object]:
    recorded, charged, unknown = _sums(bills)
    return {
        "requests": len(bills),
        "records": sum(len(bill.records) for bill in bills),
        "upstream_requests": sum(len(bill.entries) for bill in bills),
        "recorded_usd": recorded,
        "charged_usd": charged,
        "unknown_usd": unknown,
        "wrong": [
            {"id": bill.question.id, "why": why, "seen": asdict(bill.seen)}
            for bill in bills
            if (why := bill.wrong())
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost recorded against cost charged.")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--fault-rate", type=float, default=0.1)
    parser.add_argument("--leave-rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--http", choices=("1", "2"), default="1")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    bills = measure(options)
    show(bills)
    recorded, charged, unknown = _sums(bills)
    wrong = sum(bill.wrong() is not None for bill in bills)
    n_unknown = sum(bill.unknown_usd > 0 for bill in bills)
    difference = recorded - (charged - unknown)
    print(
        f"\nrecorded {recorded:.6f} USD, charged {charged - unknown:.6f} USD, difference "
        f"{difference:+.6f}; {wrong} of {len(bills)} requests wrong\n"
        f"unknown: {n_unknown} requests, charged {unknown:.6f} USD (the id of an answer "
        f"never came)\nload average {load_average():.1f}"
    )
    if options.json:
        options.json.write_text(json.dumps(_report(bills), indent=1) + "\n")
    raise SystemExit(1 if wrong or abs(difference) > _CENT else 0)


if __name__ == "__main__":
    main()
