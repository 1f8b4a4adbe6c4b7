"""Starts `scripts/serve` for a measurement, and stops it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import psutil
import yaml

from scripts.processes import free_port, stop

ROOT = Path(__file__).parents[1]
KEY, ADMIN_KEY = "sk-av-measurement", "sk-av-measurement-admin"
_START_S = 300.0  # the first start of all installs what is needed


@dataclass(frozen=True)
class Served:
    """A running graph: its address, its first process, what it printed."""

    url: str
    process: psutil.Process
    said: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {KEY}"}

    def said_of(self, what: str) -> str:
        """What follows in the line `what: …` that it printed."""
        lines, head = self.said.splitlines(), f"{what}: "
        return next(line.removeprefix(head) for line in lines if line.startswith(head))

    def replicas(self, deployment: str) -> list[psutil.Process]:
        """The processes of a deployment's replicas, oldest first."""
        wanted = f"ServeReplica:avengers:{deployment}"
        found = []
        for process in self.process.children(recursive=True):
            try:
                if wanted in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue  # it has ended meanwhile
        return sorted(found, key=lambda process: process.create_time())

    def memory_bytes(self) -> tuple[int, int]:
        """Proportional set size of all its processes together, and their number."""
        sizes = [size for _, size in self._sizes()]
        return sum(sizes), len(sizes)

    def memory_of_each(self) -> dict[str, int]:
        """The same in bytes, by what the processes call themselves."""
        found: dict[str, int] = {}
        for name, size in self._sizes():
            found[name] = found.get(name, 0) + size
        return found

    def _sizes(self) -> Iterator[tuple[str, int]]:
        for process in [self.process, *self.process.children(recursive=True)]:
            try:
                size = process.memory_full_info().pss
                yield Path(process.cmdline()[0]).name, size
            except (psutil.Error, IndexError):
                continue  # it has ended meanwhile


@contextmanager
def served(
    *arguments: str, environment: dict[str, str] | None = None, root: Path | None = None
) -> Iterator[Served]:
    """`scripts/serve` of this checkout, or of another at `root`, on a free port; on
    leaving it has been stopped, also if that is because this program was told to end.

    Whatever key for OpenRouter is set here: a measurement is not to be paid for, unless
    `environment` has one.
    """
    end_when_told()
    port = free_port()
    keys = {"AVENGERS_DEV_KEY": KEY, "AVENGERS_ADMIN_KEY": ADMIN_KEY}
    command = [(root or ROOT) / "scripts/serve", "--port", str(port), *arguments]
    with TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        own = {"AVENGERS_VAR": f"{directory}/var", "OPENROUTER_API_KEY": ""}
        variables = os.environ | keys | own | (environment or {})
        with log.open("wb") as out:
            # A session of its own: Ctrl-C is for the measurement, which then stops it.
            process = subprocess.Popen(
                command, env=variables, stdout=out, stderr=out, start_new_session=True
            )
        try:
            yield _when_ready(process, log)
        finally:
            stop(process)


def local_config(root: Path | None = None) -> Any:
    """What serve_app/local.yaml of a checkout holds, to be changed."""
    path = (root or ROOT) / "serve_app/local.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@contextmanager
def served_as(
    config: Any,
    directory: Path,
    *arguments: str,
    root: Path | None = None,
    **variables: str,
) -> Iterator[Served]:
    """`served` with a configuration, which is written to `directory`, and variables of
    its environment."""
    path = directory / "serve.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    stated = ("--config", str(path), *arguments)
    with served(*stated, environment=variables, root=root) as graph:
        yield graph


def end_when_told() -> None:
    """SIGTERM, or the terminal's end, ends the program as an error does: what it has
    started is stopped."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, end)


def _when_ready(process: subprocess.Popen[bytes], log: Path) -> Served:
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        text = log.read_text(encoding="utf-8", errors="replace")
        for line in text.split("\n")[:-1]:  # the last one may come in parts
            if line.startswith("ready: "):
                url = line.removeprefix("ready: ")
                return Served(url, psutil.Process(process.pid), text)
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    how = "ended" if process.poll() is not None else f"is not ready in {_START_S:g} s"
    said = log.read_text(encoding="utf-8", errors="replace")
    raise SystemExit(f"scripts/serve {how}:\n{said[-2000:]}")
