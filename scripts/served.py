"""Starts `scripts/serve` for a measurement, and stops it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

ROOT = Path(__file__).parents[1]
KEY = "sk-av-measurement"


@dataclass(frozen=True)
class Served:
    """A running graph: its address, its first process, what it printed."""

    url: str
    process: psutil.Process
    said: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {KEY}"}

    def memory_bytes(self) -> tuple[int, int]:
        """Proportional set size of all its processes together, and their number."""
        processes = [self.process, *self.process.children(recursive=True)]
        sizes = [p.memory_full_info().pss for p in processes if p.is_running()]
        return sum(sizes), len(sizes)


@contextmanager
def served(
    *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[Served]:
    """`scripts/serve` on a free port; on leaving it has been stopped."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = os.environ | {"AVENGERS_DEV_KEY": KEY} | (environment or {})
    command = [ROOT / "scripts/serve", "--port", str(port), *arguments]
    with TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=variables, stdout=out, stderr=out)
        try:
            yield _when_ready(process, log)
        finally:
            process.terminate()
            process.wait(60)


def _when_ready(process: subprocess.Popen[bytes], log: Path) -> Served:
    while process.poll() is None:
        text = log.read_text()
        for line in text.splitlines():
            if line.startswith("ready: "):
                url = line.removeprefix("ready: ")
                return Served(url, psutil.Process(process.pid), text)
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    raise SystemExit(f"scripts/serve did not start:\n{log.read_text()[-2000:]}")
