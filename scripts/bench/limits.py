"""Offers more requests than a limit allows, evenly, and counts those let in."""

import argparse
import asyncio
import json
import os
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from scripts.bench.limits_graph import KEY, WARM_UP_KEY, limits_graph
from scripts.option_types import number, result_file, whole

_WINDOW_S = 60.0
_TOLERANCE = 0.02
_WARM_UPS = 40
_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Tally:
    """When requests were let in, in seconds from the start."""

    accepted_at: list[float] = field(default_factory=list)
    offered: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    headers: dict[str, str] = field(default_factory=dict)
    refusal: str = ""
    load_average: float = 0.0

    def in_window(self, start: float) -> int:
        """Let in from `start` on, in 60 s."""
        return sum(start <= at < start + _WINDOW_S for at in self.accepted_at)

    def windows(self, seconds: float) -> dict[int, int]:
        """By their starts, one each second, those that lie in the time offered."""
        last = max(0, int(seconds - _WINDOW_S))
        return {start: self.in_window(start) for start in range(last + 1)}


async def _one(client: httpx.AsyncClient, url: str, start: float, tally: Tally) -> None:
    # When it was sent: a window is told by what a client does, not by the answer's end.
    at = time.monotonic() - start
    message = {"role": "user", "content": "How much is that?"}
    body = {"messages": [message], "max_tokens": 5, "model": "gpt-4o-mini-2024-07-18"}
    try:
        response = await client.post(f"{url}/v1/chat/completions", json=body)
    except httpx.HTTPError as error:
        tally.statuses[type(error).__name__] += 1
        return
    tally.statuses[str(response.status_code)] += 1
    if response.status_code == httpx.codes.OK:
        tally.accepted_at.append(at)
        tally.headers = {
            name: value
            for name, value in response.headers.items()
            if name.startswith("x-ratelimit")
        }
    elif response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        message_said = response.json()["error"]["message"]
        after = response.headers.get("retry-after")
        tally.refusal = f"{message_said} Retry-After: {after}"


async def _warm_up(client: httpx.AsyncClient, url: str) -> None:
    """A replica's first requests take long: the clock begins after them."""
    headers = {"authorization": f"Bearer {WARM_UP_KEY}"}
    body = {"messages": [{"role": "user", "content": "?"}], "max_tokens": 1}
    for _ in range(_WARM_UPS):
        await client.post(f"{url}/v1/chat/completions", json=body, headers=headers)


async def _offer(url: str, options: argparse.Namespace) -> Tally:
    tally = Tally(load_average=os.getloadavg()[0])
    headers = {"authorization": f"Bearer {KEY}"}
    most = httpx.Limits(max_connections=100)
    async with (
        httpx.AsyncClient(
            timeout=60, verify=_TLS, headers=headers, limits=most
        ) as client,
        asyncio.TaskGroup() as group,
    ):
        await _warm_up(client, url)
        start = time.monotonic()
        for number in range(round(options.rate * options.seconds)):
            due = start + number / options.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(_one(client, url, start, tally))
            tally.offered += 1
    return tally


def wrong(tally: Tally, windows: dict[int, int], rpm: int) -> list[str]:
    """The windows that should not be so, and the requests that were neither let in nor
    refused; empty if all is well."""
    off = [
        f"{accepted - rpm:+d} of {rpm} from {start} s on"
        for start, accepted in windows.items()
        if abs(accepted - rpm) > _TOLERANCE * rpm
    ]
    neither = tally.statuses.keys() - {"200", "429"}
    return off + [f"{tally.statuses[each]} × {each}" for each in sorted(neither)]


def show(tally: Tally, windows: dict[int, int]) -> None:
    """Minute by minute, and the fullest and the emptiest of all windows."""
    for start, accepted in windows.items():
        if start % _WINDOW_S == 0:
            print(f"  accepted {start:3d} s - {start + _WINDOW_S:3.0f} s: {accepted}")
    fullest = max(windows, key=windows.__getitem__)
    emptiest = min(windows, key=windows.__getitem__)
    print(
        f"of {len(windows)} windows of 60 s, one begun each second: most "
        f"{windows[fullest]} (from {fullest} s on), fewest {windows[emptiest]} "
        f"(from {emptiest} s on)"
    )
    print(f"answers: {dict(tally.statuses)}")
    print(f"headers of the last accepted: {tally.headers}")
    print(f"last refusal: {tally.refusal}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench/limits")
    parser.add_argument("--replicas", type=whole(1, 1000), default=4)
    parser.add_argument("--rpm", type=whole(1, 10**7), default=600)
    parser.add_argument(
        "--rate", type=number(0.01, 1e5), default=30.0, help="offered each second"
    )
    parser.add_argument("--seconds", type=number(60, 86_400), default=240.0)
    parser.add_argument("--json", type=result_file)
    options = parser.parse_args()
    terms = {"rpm_limit": options.rpm}
    pace = {"first_token_s": 0.01, "tokens_per_s": 2000}
    with limits_graph(terms, replicas=options.replicas, simulator=pace) as graph:
        tally = asyncio.run(_offer(graph.served.url, options))
    print(
        f"rpm_limit {options.rpm}, {options.replicas} Gateway replicas, "
        f"{tally.offered} requests offered in {options.seconds:g} s"
    )
    windows = tally.windows(options.seconds)
    show(tally, windows)
    said = wrong(tally, windows, options.rpm)
    for what in said:
        print(f"WRONG: {what}")
    print(f"load average at the start {tally.load_average:.1f}")
    if options.json:
        figures = {**vars(tally), "windows": windows}
        options.json.write_text(json.dumps(figures), encoding="utf-8")
    raise SystemExit(1 if said else 0)


if __name__ == "__main__":
    main()
