"""Servers that a measurement needs: started, waited for, stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from scripts.processes import stop
from scripts.served import ROOT


class NotStarted(Exception):
    """A program ended or did not answer; the message ends with what it said last."""


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    ready_url: str,
    start_s: float = 120.0,
) -> Iterator[int]:
    """The process id of `command`, once `ready_url` answers 200, which it is to do
    within `start_s`."""
    with TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        try:
            _wait(process, ready_url, log, start_s)
            yield process.pid
        finally:
            stop(process)


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules."""
    return [sys.executable, "-m", module, *arguments]


def _wait(
    process: "subprocess.Popen[bytes]", url: str, log: Path, start_s: float
) -> None:
    until = time.monotonic() + start_s
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    how = "ended" if process.poll() is not None else f"no answer in {start_s:g} s"
    raise NotStarted(f"{how}: {log.read_text(errors='replace')[-800:]}")
