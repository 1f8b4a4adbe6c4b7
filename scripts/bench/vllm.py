"""See scripts/bench/vllm."""

import argparse
import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from deployments.backends.vllm_deployment import deployment_name
from deployments.protocol.backend import BackendRequest, Settlement
from scripts.bench.vllm_server import START_S, own_server
from scripts.option_types import result_file, whole
from scripts.processes import free_port
from scripts.tiny_model import make_tiny_model
from scripts.tiny_served import (
    APPLICATION,
    KEY_ENV,
    MODEL,
    UPSTREAM_MODEL,
    tiny_application,
)

KEY = "sk-av-measurement"
# One stream's pieces as they arrive, whatever carries them.
Ask = Callable[[dict[str, Any]], AsyncIterator[bytes]]


def body(tokens: int, model: str) -> dict[str, Any]:
    """Greedy and of a fixed length, so that all ways do the same work."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": "What is 6 × 7?"}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "temperature": 0,
        "stream": True,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def over_http(client: httpx.AsyncClient, url: str) -> Ask:
    async def ask(asked: dict[str, Any]) -> AsyncIterator[bytes]:
        async with client.stream("POST", url, json=asked) as response:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                yield piece

    return ask


def by_handle() -> Ask:
    from ray import serve

    from deployments.handles import RemoteBackend

    handle = serve.get_deployment_handle(deployment_name(MODEL), APPLICATION)
    backend = RemoteBackend(handle, MODEL)

    async def ask(asked: dict[str, Any]) -> AsyncIterator[bytes]:
        data = json.dumps(asked).encode()
        request = BackendRequest("bench", MODEL, UPSTREAM_MODEL, data)
        async for item in backend.stream(request):
            if not isinstance(item, Settlement):
                yield item

    return ask


async def first_token_s(ask: Ask, asked: dict[str, Any]) -> float:
    """Seconds to the first token of one stream; SystemExit if it is not whole."""
    began, first, received = time.perf_counter(), 0.0, b""
    async for piece in ask(asked):
        received += piece
        if not first and any(map(_has_token, received.split(b"\n\n"))):
            first = time.perf_counter() - began
    if not first:
        raise SystemExit(f"no token in the stream: {received[:300]!r}")
    if not any(map(_is_the_last, received.split(b"\n\n"))):
        raise SystemExit(f"the stream ended early: {received[-300:]!r}")
    return first


def _has_token(event: bytes) -> bool:
    return bool(_choice(event).get("delta", {}).get("content"))


def _is_the_last(event: bytes) -> bool:
    return _choice(event).get("finish_reason") == "length"


def _choice(event: bytes) -> dict[str, Any]:
    if not event.startswith(b"data: {"):
        return {}
    choices: list[dict[str, Any]] = json.loads(event[6:]).get("choices") or [{}]
    return choices[0]


async def measure(
    ask: Ask, asked: dict[str, Any], *, requests: int, concurrency: int
) -> tuple[list[float], float]:
    """Seconds to the first tokens of `requests` streams, and tokens per second."""
    waiting = iter(range(requests))
    seen: list[float] = []

    async def worker() -> None:
        # Shared by all workers: each takes the next one that waits.
        seen.extend([await first_token_s(ask, asked) for _ in waiting])

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    took = time.perf_counter() - began
    return seen, asked["max_tokens"] * requests / took


async def compare(
    ways: dict[str, tuple[Ask, str]], options: argparse.Namespace, concurrency: int
) -> list[dict[str, Any]]:
    """All ways in turn, round after round: what disturbs one disturbs all."""
    firsts: dict[str, list[float]] = {way: [] for way in ways}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way, (ask, model) in ways.items():
            asked = body(options.tokens, model)
            await first_token_s(ask, asked)  # warm again after its pause
            seen, rate = await measure(
                ask, asked, requests=4 * concurrency, concurrency=concurrency
            )
            firsts[way] += seen
            rates[way].append(rate)
    return [
        {
            "way": way,
            "concurrency": concurrency,
            "ttft_p50_ms": median(firsts[way]) * 1e3,
            "ttft_p95_ms": quantiles(firsts[way], n=20, method="inclusive")[18] * 1e3,
            "tokens_per_s": median(rates[way]),
        }
        for way in ways
    ]


async def measured(
    options: argparse.Namespace, own: str, ours: str
) -> list[dict[str, Any]]:
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(timeout=120, headers=headers) as client:
        path = "/v1/chat/completions"
        ways = {
            "vllm": (over_http(client, own + path), UPSTREAM_MODEL),
            "handle": (by_handle(), MODEL),
            "gateway": (over_http(client, ours + path), MODEL),
        }
        tables = [await compare(ways, options, n) for n in options.concurrency]
    return [row for table in tables for row in table]


def run(options: argparse.Namespace, directory: Path) -> list[dict[str, Any]]:
    model = make_tiny_model(directory / "model")
    os.environ[KEY_ENV] = KEY
    with own_server(model, free_port()) as own:
        from serve_app.launching.launch import local_cluster

        with local_cluster(tiny_application(model, free_port())) as cluster:
            cluster.wait_until_ready(START_S)
            return asyncio.run(measured(options, own, cluster.url))


def main() -> None:
    parser = argparse.ArgumentParser(description="vLLM through our graph, and alone.")
    parser.add_argument(
        "--rounds", type=whole(1, 1000), default=8, help="of all ways in turn"
    )
    parser.add_argument(
        "--tokens", type=whole(1, 10_000), default=64, help="of each answer"
    )
    parser.add_argument("--concurrency", type=whole(1, 1000), nargs="+", default=[1, 8])
    parser.add_argument("--json", type=result_file, help="also write the figures here")
    options = parser.parse_args()
    with TemporaryDirectory() as directory:
        rows = run(options, Path(directory))
    print(f"{options.tokens} tokens a stream, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'way':10} {'streams':>7} {'TTFT p50':>10} {'p95':>10} {'tokens/s':>9}")
    for row in rows:
        print(
            f"{row['way']:10} {row['concurrency']:7} {row['ttft_p50_ms']:7.1f} ms "
            f"{row['ttft_p95_ms']:7.1f} ms {row['tokens_per_s']:9.0f}"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
