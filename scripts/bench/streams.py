"""See scripts/bench/streams."""

import argparse
import asyncio
import json
import os
import ssl
import statistics
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

import httpx

from scripts.bench.upstream_graph import (
    MODELS,
    PRICES,
    Graph,
    tenant_key,
    upstream_graph,
)
from scripts.option_types import number, result_file, whole
from scripts.upstream.settings import Settings

_TOKENS = 20
_SHOWN = 6  # processes, those that grew most first
_SHARES = (0.0, 0.25, 0.5, 0.75, 0.95)
_FLAT = 0.03  # growth from a quarter of the time to its end
# Not used, but httpx would load the authorities for each client anew.
_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_RAMP_S = 10.0  # all at the same instant would measure the connection backlog


@dataclass
class Tally:
    """What all clients saw together."""

    streams: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    first_token_s: list[float] = field(default_factory=list)
    memory_mib: list[dict[str, float]] = field(default_factory=list)  # by process


async def _one(client: httpx.AsyncClient, url: str, key: str, tally: Tally) -> None:
    body = {
        "model": MODELS[tally.streams % len(MODELS)],
        "messages": [{"role": "user", "content": "Tell me."}],
        "stream": True,
    }
    headers = {"authorization": f"Bearer {key}"}
    start = time.perf_counter()
    first = None
    chunks = 0
    last = b""
    request = client.stream(
        "POST", f"{url}/v1/chat/completions", json=body, headers=headers
    )
    async with request as response:
        if response.status_code != httpx.codes.OK:
            tally.errors[f"status {response.status_code}"] += 1
            return
        async for part in response.aiter_bytes():
            first = first or time.perf_counter() - start
            chunks += part.count(b'"content":"')
            last = (last + part)[-64:]
    if not last.endswith(b"data: [DONE]\n\n"):
        tally.errors["no [DONE]"] += 1
    elif chunks < _TOKENS:
        tally.errors[f"only {chunks} of {_TOKENS} tokens"] += 1
    else:
        tally.streams += 1
        tally.first_token_s.append(first or 0.0)


async def _client(
    number: int, url: str, until: float, tally: Tally, options: argparse.Namespace
) -> None:
    await asyncio.sleep(_RAMP_S * number / options.streams)
    async with httpx.AsyncClient(timeout=60, verify=_TLS) as client:
        while time.monotonic() < until:
            try:
                await _one(client, url, tenant_key(number % 8), tally)
            except httpx.HTTPError as error:
                tally.errors[type(error).__name__] += 1


async def _memory(graph: Graph, options: argparse.Namespace, tally: Tally) -> None:
    """At each of _SHARES of the time."""
    began = time.monotonic()
    for share in _SHARES:
        due = began + share * options.seconds
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        sizes = await asyncio.to_thread(graph.served.memory_of_each)
        tally.memory_mib.append({name: size / 2**20 for name, size in sizes.items()})


async def _load(graph: Graph, options: argparse.Namespace) -> Tally:
    tally = Tally()
    until = time.monotonic() + options.seconds
    clients = (
        _client(number, graph.served.url, until, tally, options)
        for number in range(options.streams)
    )
    await asyncio.gather(_memory(graph, options, tally), *clients)
    return tally


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench/streams")
    parser.add_argument("--streams", type=whole(1, 100_000), default=500)
    parser.add_argument("--seconds", type=number(1, 86_400), default=120.0)
    parser.add_argument("--tokens-per-s", type=number(0.01, 1e6), default=2.0)
    parser.add_argument("--json", type=result_file)
    options = parser.parse_args()
    pace = {"tokens_per_s": options.tokens_per_s, "completion_tokens": _TOKENS}
    settings = Settings(default=PRICES.model_copy(update=pace))
    slow = {"between_tokens_s": 30.0, "total_s": 120.0, "first_token_s": 30.0}
    with upstream_graph(
        tenants=8, http2=False, settings=settings, timeouts=slow
    ) as graph:
        tally = asyncio.run(_load(graph, options))
    show(options, tally)
    if options.json:
        options.json.write_text(json.dumps(asdict(tally)), encoding="utf-8")
    good = tally.streams and not tally.errors and growth(tally) < _FLAT
    raise SystemExit(0 if good else 1)


def growth(tally: Tally) -> float:
    """Of the memory from a quarter of the time to its end, as a share."""
    early, late = (sum(tally.memory_mib[at].values()) for at in (1, -1))
    return late / early - 1


def first_tokens(seconds: list[float]) -> str:
    """Never beyond the slowest that was seen, however few there were."""
    if len(seconds) < 2:
        return f"of {len(seconds)} streams: too few to tell"
    points = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {points[49]:.3f} s, p99 {points[98]:.3f} s"


def show(options: argparse.Namespace, tally: Tally) -> None:
    """What all clients saw, and the memory of the graph."""
    print(
        f"{options.streams} streams at once for {options.seconds:g} s, "
        f"{options.tokens_per_s:g} tokens/s each: {tally.streams} streams complete, "
        f"{sum(tally.errors.values())} failed {dict(tally.errors) or ''}"
    )
    print(f"first token {first_tokens(tally.first_token_s)}")
    print(f"MiB at {'':31}" + "".join(f"{share:>8.0%}" for share in _SHARES))
    early, late = tally.memory_mib[1], tally.memory_mib[-1]
    names = sorted(late, key=lambda name: early.get(name, 0.0) - late[name])
    for name in [*names[:_SHOWN], "all"]:
        sizes = [
            sum(size for who, size in sample.items() if name in {who, "all"})
            for sample in tally.memory_mib
        ]
        print(f"  {name[:36]:36}" + "".join(f"{size:8.0f}" for size in sizes))
    print(f"growth {growth(tally):+.1%} from a quarter of the time to its end")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
