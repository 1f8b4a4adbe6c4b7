"""Spends a budget from many clients at once, while replicas are killed: one run.

Each client asks again and again until it is told for the third time in a row that the
budget is spent. What then stands in SQL is compared with the budget.
"""

import argparse
import asyncio
import os
import ssl
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from scripts.bench.limits_graph import KEY, LimitsGraph

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
    without_envelope: int = 0  # errors that no OpenAI client could read
    broken: int = 0  # connections that ended without an answer
    to_kill: int = 0
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
        tally.errors[f"connection: {type(error).__name__}"] += 1
        tally.broken += 1
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
    try:
        said = response.json()["error"]["code"]
    except (ValueError, LookupError, TypeError):
        said = f"no envelope: {' '.join(response.text.split())[:80]}"
        tally.without_envelope += 1
    tally.errors[f"{response.status_code} {said}"] += 1
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
    tally.to_kill = len(plan)
    for at_usd, deployment in sorted(plan):
        while tally.seen_usd < at_usd:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        victims = await asyncio.to_thread(graph.served.replicas, deployment)
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
    with suppress(asyncio.CancelledError):
        await killing  # a mistake of its own is told
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
    if len(tally.killed) < tally.to_kill:
        found.append(f"only {len(tally.killed)} of {tally.to_kill} were killed in time")
    spent = tally.spent_usd + tally.unknown_usd
    if spent > budget + 1e-9:
        found.append(f"{spent:.6f} USD are spent of {budget:.6f}")
    if tally.seen_usd > tally.spent_usd + 1e-6:
        found.append(f"SQL lacks {tally.seen_usd - tally.spent_usd:.6f} USD")
    if tally.without_envelope:
        found.append(f"{tally.without_envelope} errors without OpenAI's envelope")
    if budget - spent - tally.leased_usd > 2 * WORST_USD:
        left = budget - spent - tally.leased_usd
        found.append(f"refused while {left:.6f} USD were left, and nobody held them")
    return found
