"""Spends a budget from many clients at once, while replicas are killed.

Each client asks again and again until it is told for the third time in a row that the
budget is spent. What then stands in SQL is compared with the budget.
"""

import argparse
import asyncio
import json
import os
import ssl
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scripts.bench.limits_graph import KEY, LimitsGraph, limits_graph
from tests.postgresql import postgresql_server

MODEL = "gpt-4o-2024-08-06"
MAX_TOKENS = 200
_PRICES = 2.5e-6, 1e-5  # of MODEL in serve_app/local.yaml
_PROMPT = "Tell me about sums."
# What one request of ours may cost at worst: the prompt has far fewer tokens than this.
WORST_USD = 100 * _PRICES[0] + MAX_TOKENS * _PRICES[1]
_REFUSALS = 3  # in a row, and a client believes it
_PAUSE_S = 1.0
_QUIET_S = 60.0
_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Tally:
    """What all clients saw together, and what SQL says in the end."""

    answered: int = 0
    seen_usd: float = 0.0
    refused: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    killed: list[str] = field(default_factory=list)
    spent_usd: float = 0.0
    records: int = 0
    unknown_usd: float = 0.0
    leased_usd: float = 0.0
    largest_usd: float = 0.0
    seconds: float = 0.0
    load_average: float = 0.0


async def _one(client: httpx.AsyncClient, url: str, number: int, tally: Tally) -> bool:
    """Ask once; whether the budget is said to be spent."""
    message = {"role": "user", "content": f"{_PROMPT} ({number})"}
    body = {"model": MODEL, "messages": [message], "max_tokens": MAX_TOKENS}
    try:
        response = await client.post(f"{url}/v1/chat/completions", json=body)
    except httpx.HTTPError as error:
        tally.errors[type(error).__name__] += 1
        await asyncio.sleep(_PAUSE_S)
        return False
    if response.status_code == httpx.codes.OK:
        cost = float(response.headers["x-response-cost-usd"])
        tally.answered += 1
        tally.seen_usd += cost
        tally.largest_usd = max(tally.largest_usd, cost)
        return False
    if "insufficient_quota" in response.text:
        tally.refused += 1
        return True
    tally.errors[
        f"status {response.status_code}: {' '.join(response.text.split())[:80]}"
    ] += 1
    await asyncio.sleep(_PAUSE_S)
    return False


async def _client(number: int, url: str, tally: Tally) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(timeout=60, verify=_TLS, headers=headers) as client:
        refusals = 0
        while refusals < _REFUSALS:
            if await _one(client, url, number, tally):
                refusals += 1
                await asyncio.sleep(_PAUSE_S)
            else:
                refusals = 0


async def _kill(graph: LimitsGraph, options: argparse.Namespace, tally: Tally) -> None:
    """Gateways one after the other as the money goes, the Ledger half-way."""
    plan = [
        (options.budget * (n + 1) / (options.kills + 1), "Gateway")
        for n in range(options.kills)
    ]
    if options.kill_ledger:
        plan.append((options.budget / 2, "Ledger"))
    for at_usd, deployment in sorted(plan):
        while tally.seen_usd < at_usd:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        victims = await asyncio.to_thread(graph.replicas, deployment)
        graph.kill(victims[0])
        tally.killed.append(f"{deployment} at {tally.seen_usd:.4f} USD")


async def spend(graph: LimitsGraph, options: argparse.Namespace) -> Tally:
    """Until no client gets an answer any more, and all usage is in SQL."""
    tally = Tally(load_average=os.getloadavg()[0])
    start = time.monotonic()
    killing = asyncio.create_task(_kill(graph, options, tally))
    url = graph.served.url
    await asyncio.gather(*(_client(n, url, tally) for n in range(options.clients)))
    killing.cancel()
    tally.seconds = time.monotonic() - start
    await _settled(graph)
    # What leases of the dead held is free again: the rest can be spent, too.
    await asyncio.gather(*(_client(n, url, tally) for n in range(options.clients)))
    await _settled(graph)
    tally.spent_usd, tally.records, tally.unknown_usd = graph.spent()
    tally.leased_usd = graph.leased()
    return tally


async def _settled(graph: LimitsGraph) -> None:
    """Until no more comes to SQL, and no lease is open."""
    until = time.monotonic() + _QUIET_S
    last: object = None
    while time.monotonic() < until:
        now = await asyncio.to_thread(lambda: (graph.spent(), graph.leased()))
        if now == last and now[1] <= 0:
            return
        last = now
        await asyncio.sleep(2.0)


def wrong(tally: Tally, budget: float) -> list[str]:
    """What should not be so; empty if all is well."""
    found = []
    spent = tally.spent_usd + tally.unknown_usd
    if spent > budget + 1e-9:
        found.append(f"{spent:.6f} USD are spent of {budget:.6f}")
    if tally.seen_usd > tally.spent_usd + 1e-6:
        found.append(f"SQL lacks {tally.seen_usd - tally.spent_usd:.6f} USD")
    if budget - spent - tally.leased_usd > 2 * WORST_USD:
        left = budget - spent - tally.leased_usd
        found.append(f"refused while {left:.6f} USD were left, and nobody held them")
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench/budget")
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--budget", type=float, default=1.0, help="USD")
    parser.add_argument("--kills", type=int, default=0, help="of Gateway replicas")
    parser.add_argument("--kill-ledger", action="store_true")
    parser.add_argument("--postgresql", action="store_true", help="and not SQLite")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    terms = {"max_budget": options.budget}
    pace = {"first_token_s": 0.05, "tokens_per_s": 500, "completion_tokens": 100}
    with (
        postgresql_server(fsync=True) if options.postgresql else nullcontext() as store,
        limits_graph(
            terms, replicas=options.replicas, simulator=pace, postgresql=store
        ) as graph,
    ):
        tally = asyncio.run(spend(graph, options))
    show(options, tally)
    if options.json:
        options.json.write_text(json.dumps(vars(tally)), encoding="utf-8")
    raise SystemExit(1 if wrong(tally, options.budget) else 0)


def show(options: argparse.Namespace, tally: Tally) -> None:
    """The figures, and what is wrong with them."""
    print(
        f"{options.clients} clients, {options.replicas} Gateway replicas, a budget of "
        f"{options.budget:g} USD; {tally.seconds:.0f} s until all were refused"
    )
    print(f"killed: {', '.join(tally.killed) or 'nobody'}")
    print(
        f"spent {tally.spent_usd:.6f} USD in {tally.records} records in SQL, "
        f"{tally.seen_usd:.6f} USD in {tally.answered} answers as clients saw it"
    )
    print(
        f"unknown costs, counted as their reservations: {tally.unknown_usd:.6f} USD; "
        f"leases still open: {tally.leased_usd:.6f} USD"
    )
    print(
        "bound: the budget, as the simulator charges no more than is reserved; "
        f"dearest answer {tally.largest_usd:.6f} USD, worst case {WORST_USD:.6f} USD"
    )
    print(f"refused: {tally.refused}; errors: {dict(tally.errors) or 'none'}")
    for what in wrong(tally, options.budget):
        print(f"WRONG: {what}")
    print(f"load average at the start {tally.load_average:.1f}")


if __name__ == "__main__":
    main()
