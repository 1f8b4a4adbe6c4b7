"""See scripts/bench/upstream."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import psutil
import uvloop

from scripts.option_types import result_file, whole
from scripts.served import ROOT, end_when_told

_TOKENS = 20
_HEAD = (
    b"POST /api/v1/chat/completions HTTP/1.1\r\nhost: upstream\r\n"
    b"authorization: Bearer key\r\ncontent-length: %d\r\n\r\n"
)
_GOOD = b"http/1.1 200 "


@contextmanager
def upstream(tokens: int = _TOKENS) -> Iterator[tuple[int, psutil.Process]]:
    """The upstream as fast as it can, in a process of its own; its port."""
    command = [sys.executable, "-m", "scripts.upstream", "--first-token-s", "0"]
    pace = ["--tokens-per-s", "1e9", "--completion-tokens", f"{tokens}"]
    end_when_told()
    with subprocess.Popen([*command, *pace], cwd=ROOT, stdout=subprocess.PIPE) as run:
        try:
            assert run.stdout is not None
            address = run.stdout.readline().decode()
            port = int(address.rsplit(":", 1)[1].partition("/")[0])
            yield port, psutil.Process(run.pid)
        finally:  # else a mistake of the block would wait for it for ever
            run.terminate()


async def ask(port: int, *, stream: bool, each: int, concurrency: int) -> None:
    """Bare sockets: a client library would cost more than the server. ValueError at the
    first answer that is none."""
    body = orjson.dumps({"model": "m", "messages": [], "stream": stream})
    request = _HEAD % len(body) + body

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for _ in range(each):
                writer.write(request)
                await _read(reader, stream=stream)
        finally:
            writer.close()

    await asyncio.gather(*(one() for _ in range(concurrency)))


async def _read(reader: asyncio.StreamReader, *, stream: bool) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(_GOOD):
        raise ValueError(head.partition(b"\r\n")[0].decode())
    if stream:
        await reader.readuntil(b"\r\n0\r\n\r\n")
        return
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))


def shares(requests: int, concurrency: int) -> tuple[int, int]:
    """How many each connection asks, and all of them: what shares out evenly."""
    each = max(1, requests // concurrency)
    return each, each * concurrency


def measure(*, stream: bool, requests: int, concurrency: int) -> dict[str, float]:
    """Requests a second, and the server's CPU milliseconds for each."""
    each, requests = shares(requests, concurrency)
    with upstream() as (port, process):
        used = sum(process.cpu_times()[:2])
        began = time.perf_counter()
        uvloop.run(ask(port, stream=stream, each=each, concurrency=concurrency))
        seconds = time.perf_counter() - began
        used = sum(process.cpu_times()[:2]) - used
    return {"requests_per_s": requests / seconds, "cpu_ms": used / requests * 1e3}


def main() -> None:
    parser = argparse.ArgumentParser(description="The fault upstream's own speed.")
    parser.add_argument("--requests", type=whole(1, 10**7), default=4000)
    parser.add_argument("--concurrency", type=whole(1, 1000), default=20)
    parser.add_argument("--json", type=result_file, help="also write the figures here")
    options = parser.parse_args()
    figures = {
        name: measure(
            stream=stream, requests=options.requests, concurrency=options.concurrency
        )
        for name, stream in (("unary", False), ("stream", True))
    }
    print(f"{_TOKENS} tokens an answer, load {os.getloadavg()[0]:.1f}")
    for name, row in figures.items():
        print(f"{name:8}{row['requests_per_s']:10.0f} /s{row['cpu_ms']:8.3f} CPU-ms")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
