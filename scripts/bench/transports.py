"""See scripts/bench/transports."""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from statistics import median

import httpx
import orjson
import uvloop
from httpx_aiohttp import AiohttpTransport as PublishedTransport

from deployments.backends.aiohttp_transport import AiohttpTransport
from deployments.backends.exchange import Transport
from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.patience import Patience
from deployments.backends.upstream import UpstreamClient
from deployments.catalog import Timeouts
from scripts.bench.upstream import shares, upstream
from scripts.option_types import result_file, whole

_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
_TIMEOUTS = Timeouts()
_ROUNDS = 5
TRANSPORTS: dict[str, Callable[[], Transport]] = {
    "httpcore, HTTP/1.1": lambda: HttpxTransport(
        httpx.AsyncHTTPTransport(limits=_LIMITS)
    ),
    "httpcore, HTTP/2": lambda: HttpxTransport(
        httpx.AsyncHTTPTransport(http1=False, http2=True, limits=_LIMITS)
    ),
    "httpx-aiohttp": lambda: HttpxTransport(PublishedTransport(limits=_LIMITS)),
    "ours, on aiohttp": lambda: AiohttpTransport(max_connections=1000),
}


@dataclass(frozen=True)
class Row:
    """CPU milliseconds of a request, median of the rounds."""

    transport: str
    unary_ms: float
    stream_ms: float


async def _once(client: UpstreamClient, body: bytes) -> None:
    await client.post("chat/completions", body, _TIMEOUTS, "key")


async def _streamed(client: UpstreamClient, body: bytes) -> None:
    patience = Patience(_TIMEOUTS)
    opening = client.open_stream("chat/completions", body, _TIMEOUTS, patience, "key")
    async with opening as reply:
        async for _ in reply.chunks():
            if reply.pause:
                await reply.pause()


async def _cpu_ms(
    ask: Callable[[], Awaitable[None]], requests: int, concurrency: int
) -> float:
    async def some(number: int) -> None:
        for _ in range(number):
            await ask()

    each, requests = shares(requests, concurrency)
    began = time.process_time()
    await asyncio.gather(*(some(each) for _ in range(concurrency)))
    return (time.process_time() - began) / requests * 1e3


async def measure(name: str, url: str, options: argparse.Namespace) -> Row:
    """One transport, whole answers and streams in turn."""
    client = UpstreamClient(url, headers={}, transport=TRANSPORTS[name]())
    figures: list[float] = []
    for stream in (False, True):
        message = {"role": "user", "content": "What is 6 × 7? " * 40}
        body = orjson.dumps({"model": "m", "messages": [message], "stream": stream})

        async def ask(body: bytes = body, stream: bool = stream) -> None:
            await (_streamed if stream else _once)(client, body)

        requests = options.requests // (4 if stream else 1)
        await _cpu_ms(ask, requests // 4, options.concurrency)  # opens connections
        rounds = [
            await _cpu_ms(ask, requests, options.concurrency) for _ in range(_ROUNDS)
        ]
        figures.append(median(rounds))
    await client.close()
    return Row(name, *figures)


def main() -> None:
    parser = argparse.ArgumentParser(description="Transports by their CPU.")
    parser.add_argument(
        "--requests", type=whole(1, 10**7), default=1600, help="of each round"
    )
    parser.add_argument("--concurrency", type=whole(1, 1000), default=16)
    parser.add_argument("--json", type=result_file, help="also write the figures here")
    options = parser.parse_args()
    print(f"c = {options.concurrency}, load {os.getloadavg()[0]:.1f}")
    print(f"{'CPU-ms of the client':24}{'unary':>8}{'stream':>8}")
    found = []
    with upstream(tokens=50) as (port, _):
        for name in TRANSPORTS:
            url = f"http://127.0.0.1:{port}/api/v1/"
            found.append(row := uvloop.run(measure(name, url, options)))
            print(f"{name:24}{row.unary_ms:8.3f}{row.stream_ms:8.3f}")
    if options.json:
        rows = [asdict(row) for row in found]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
