"""Ends what a cluster may leave behind: processes that carry its mark, and theirs.

Most of Ray's processes end with the one that started them, but HAProxy outlives a
manager that was killed, and Ray's agents sometimes a raylet. The mark is an environment
variable, which every descendant inherits; those that write their name over it, as the
agents do, are found as children of others while these live.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

MARK = "AVENGERS_CLUSTER"
_GRACE_S = 2.0
_POLL_S = 0.05
_PROC = Path("/proc")


@dataclass(frozen=True)
class _Process:
    """Its start tells it from a later one with the same number."""

    pid: int
    start: str


class Family:
    """The processes of one cluster; empty where there is no /proc."""

    def __init__(self, mark: str, *, proc: Path = _PROC) -> None:
        self._wanted = f"{MARK}={mark}".encode()
        self._proc = proc
        self._seen: set[_Process] = set()

    def alive(self) -> list[int]:
        """Process ids of all that were found so far and still run, but this one."""
        there: dict[_Process, int] = {}  # and their parents
        for entry in self._proc.glob("[0-9]*"):
            if (found := _stat(entry)) is not None:
                process, parent = found
                there[process] = parent
                if self._marked(entry):
                    self._seen.add(process)
        self._seen &= there.keys()
        new = self._seen
        while new:
            parents = {process.pid for process in new}
            new = {each for each, parent in there.items() if parent in parents}
            new -= self._seen
            self._seen |= new
        return [process.pid for process in self._seen if process.pid != os.getpid()]

    def _marked(self, entry: Path) -> bool:
        try:
            return self._wanted in (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # gone, or of another user
            return False


def end(family: Family) -> None:
    """Waits a moment for them to end by themselves, then asks, then kills."""
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        for pid in family.alive() if number else ():
            _send(pid, number)
        until = time.monotonic() + _GRACE_S
        while time.monotonic() < until:
            if not family.alive():
                return
            time.sleep(_POLL_S)


def _stat(entry: Path) -> tuple[_Process, int] | None:
    """A process that runs, and its parent."""
    try:
        text = (entry / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name, in brackets, may hold spaces.
    state, parent, *rest = text.rpartition(")")[2].split()
    if state == "Z":
        return None
    return _Process(int(entry.name), rest[17]), int(parent)


def _send(pid: int, number: signal.Signals | None) -> None:
    if number is None:
        return
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
