"""Closed-loop load for scripts/bench/constants: so many clients, each asks again."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import aiohttp

from scripts.bench.constants_graph import KEY, ConstantsGraph
from scripts.overhead.disturbance import MOST_TAKEN, Others, least_disturbed, watched

CHAT = "/v1/chat/completions"
HEADERS = {"authorization": f"Bearer {KEY}"}
_REPEATS = 1  # of a load that others have disturbed


def body(model: str, *, stream: bool = False) -> dict[str, Any]:
    """Of a request that is answered by `model`."""
    message = {"role": "user", "content": "What is 6 times 7, and why is that so?"}
    return {
        "model": "auto",
        "messages": [message],
        "stream": stream,
        "routing": {"models": [model]},
    }


@dataclass(slots=True)
class Loaded:
    """What some seconds of load saw and cost."""

    seconds: float = 0.0
    took_s: list[float] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)
    others: Others = field(default_factory=Others)

    @property
    def per_s(self) -> float:
        """Requests that ended well."""
        return len(self.took_s) / self.seconds

    @property
    def p50_ms(self) -> float:
        """Of the whole request."""
        return median(self.took_s) * 1e3

    def cpu_ms(self, name: str, idle: Mapping[str, float]) -> float:
        """Of one deployment, per request; `idle`: the cores it uses without any."""
        used = self.cpu_s.get(name, 0.0) - idle.get(name, 0.0) * self.seconds
        return used * 1e3 / len(self.took_s)


async def _client(
    session: aiohttp.ClientSession,
    url: str,
    asked: dict[str, Any],
    loaded: Loaded,
    until: float,
) -> None:
    while time.perf_counter() < until:
        began = time.perf_counter()
        async with session.post(url, json=asked) as response:
            content = await response.read()
        if response.status != 200:
            raise SystemExit(f"{url}: {response.status}: {content[:200]!r}")
        if asked.get("stream") and not content.endswith(b"data: [DONE]\n\n"):
            raise SystemExit(f"{url}: a stream ended without [DONE]")
        if b'"choices"' not in content:
            raise SystemExit(f"{url}: no answer: {content[:200]!r}")
        if response.headers.get("x-routing", "routed") != "routed":
            raise SystemExit(f"{url}: not routed: {response.headers['x-routing']}")
        loaded.took_s.append(time.perf_counter() - began)


async def _load(
    graph: ConstantsGraph,
    path: str,
    asked: dict[str, Any],
    clients: int,
    seconds: float,
) -> Loaded:
    loaded = Loaded()
    connector = aiohttp.TCPConnector(limit=0)
    url = path if path.startswith("http") else graph.served.url + path
    async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as session:
        with watched() as loaded.others:
            before, began = graph.cpu_s(), time.perf_counter()
            until = began + seconds
            asking = (
                _client(session, url, asked, loaded, until) for _ in range(clients)
            )
            await asyncio.gather(*asking)
            loaded.seconds = time.perf_counter() - began
            after = graph.cpu_s()
    loaded.cpu_s = {name: used - before.get(name, 0.0) for name, used in after.items()}
    return loaded


def load(
    graph: ConstantsGraph,
    path: str,
    asked: dict[str, Any],
    *,
    clients: int,
    seconds: float,
) -> Loaded:
    """Ask `path` of the gateway, or a whole URL, for so long; once more if others have
    disturbed it."""
    return least_disturbed(
        lambda: asyncio.run(_load(graph, path, asked, clients, seconds)),
        lambda loaded: loaded.others.taken,
        most=MOST_TAKEN,
        repeats=_REPEATS,
    )
