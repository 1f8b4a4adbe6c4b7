"""A constant load: clients that each ask again and again; half of it streams."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from scripts.served import KEY

_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request. `failure` is None where the whole answer came."""

    began: float
    ended: float
    failure: str | None
    stream: bool
    alpha: float | None = None
    artifact: str | None = None


class Load:
    """What has come so far; a list that only grows."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self._stopping = threading.Event()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """No further request; those under way end."""
        self._stopping.set()

    def since(self, began: float, until: float = float("inf")) -> Sequence[Outcome]:
        """Those that were under way at some moment of this time."""
        return [
            one for one in self.outcomes if one.ended >= began and one.began <= until
        ]


def failures(outcomes: Sequence[Outcome]) -> Counter[str]:
    """How often what went wrong."""
    return Counter(one.failure for one in outcomes if one.failure)


@contextmanager
def constant_load(url: str, *, clients: int) -> Iterator[Load]:
    """Runs in a thread of its own; at the end of the block the last answers come in."""
    load = Load()
    thread = threading.Thread(
        target=lambda: asyncio.run(_all(url, load, clients)), name="load"
    )
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()


async def _all(url: str, load: Load, clients: int) -> None:
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(
        base_url=url,
        timeout=_TIMEOUT_S,
        limits=limits,
        headers={"authorization": f"Bearer {KEY}"},
    ) as client:
        numbers = range(clients)
        await asyncio.gather(*(_one(client, load, number) for number in numbers))


async def _one(client: httpx.AsyncClient, load: Load, number: int) -> None:
    count = 0
    while not load.stopping:
        stream = number % 2 == 0
        text = f"client {number} asks for the {count}th time"
        load.outcomes.append(await _ask(client, text, stream=stream))
        count += 1


async def _ask(client: httpx.AsyncClient, text: str, *, stream: bool) -> Outcome:
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": text}],
        "stream": stream,
    }
    began, failure, headers = time.monotonic(), None, httpx.Headers()
    try:
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            headers = response.headers
            data = await response.aread()
        if response.status_code != 200:
            failure = f"{response.status_code} {data[:120].decode(errors='replace')}"
        elif stream and not data.rstrip().endswith(b"data: [DONE]"):
            failure = "a stream without its end"
        elif headers.get("x-routing") != "routed":
            failure = f"x-routing: {headers.get('x-routing')}"
    except httpx.HTTPError as error:
        failure = type(error).__name__
    alpha = headers.get("x-routing-alpha")
    return Outcome(
        began=began,
        ended=time.monotonic(),
        failure=failure,
        stream=stream,
        alpha=None if alpha is None else float(alpha),
        artifact=headers.get("x-routing-artifact"),
    )
