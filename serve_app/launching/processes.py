"""Ends what a cluster may leave behind: processes that carry its mark.

Most of Ray's processes end with the one that started them, but HAProxy outlives a
manager that was killed. The mark is an environment variable, which every descendant
inherits.
"""

import os
import signal
import time
from pathlib import Path

MARK = "AVENGERS_CLUSTER"
_GRACE_S = 2.0
_POLL_S = 0.05


def marked(mark: str, *, proc: Path = Path("/proc")) -> list[int]:
    """Process ids with `AVENGERS_CLUSTER=mark`; empty where there is no /proc."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in proc.glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # gone, or of another user
            continue
        if wanted in variables and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def end_marked(mark: str) -> None:
    """Waits a moment for them to end by themselves, then asks, then kills."""
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        for pid in marked(mark) if number else ():
            _send(pid, number)
        end = time.monotonic() + _GRACE_S
        while time.monotonic() < end:
            if not marked(mark):
                return
            time.sleep(_POLL_S)


def _send(pid: int, number: signal.Signals | None) -> None:
    if number is None:
        return
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
