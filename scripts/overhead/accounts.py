"""Who used the machine's processors, and how much memory they hold: from /proc."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_TICK_MS = 1e3 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
# While a method runs that Ray itself calls, `.method` follows.
_REPLICA = re.compile(r"ray::ServeReplica:[^:]*:([\w:.\-]+?)(?:\.[a-z_]+)?(?: |$)")
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
RAY = "Ray's own"
HAPROXY = "HAProxy"
# Its servers and agents, its driver, and the driver's watchdog.
_STARTED_FOR_RAY = ("/ray/", "avengers serve", "serve_app.launching")
_PARTS_OF_RAY = {  # by what stands in their command lines; the first that does
    "raylet/raylet ": "raylet",
    "gcs_server": "gcs_server",
    "DashboardAgent": "dashboard agent",
    "RuntimeEnvAgent": "runtime env agent",
    "dashboard.py": "dashboard",
    "log_monitor.py": "log monitor",
    "autoscaler/": "autoscaler",
    "watchdog": "watchdog",
    "ServeController": "Serve's controller",
    "ProxyActor": "Serve's proxies",
    "HAProxyManager": "Serve's proxies",
    "avengers serve": "driver",
}


@dataclass(frozen=True)
class Stat:
    """One line of /proc/PID/stat."""

    parent: int
    cpu_ms: float


@dataclass(frozen=True)
class Machine:
    """Milliseconds since boot, all processors together."""

    busy_ms: float  # by processes
    stolen_ms: float


def tree(roots: Iterable[int]) -> dict[int, Stat]:
    """The processes `roots` and all their descendants.

    The processor time of one that has died is with the parent that waited for it.
    """
    stats = {}
    children: dict[int, list[int]] = {}
    for entry in os.listdir(_PROC):  # noqa: PTH208  (Path objects cost as much again)
        if entry.isdigit() and (stat := _stat(int(entry))) is not None:
            stats[int(entry)] = stat
            children.setdefault(stat.parent, []).append(int(entry))
    found: dict[int, Stat] = {}
    waiting = [pid for pid in roots if pid in stats]
    while waiting:
        pid = waiting.pop()
        found[pid] = stats[pid]
        waiting += children.get(pid, [])
    return found


def cpu_ms(roots: Iterable[int]) -> Counter[str]:
    """Of the trees under `roots`, by group."""
    used: Counter[str] = Counter()
    for pid, stat in tree(roots).items():
        used[group(pid)] += stat.cpu_ms  # type: ignore[assignment]
    return used


def pss_mib(
    roots: Iterable[int], by: Callable[[int], str] | None = None
) -> dict[str, float]:
    """Proportional set size of the trees under `roots`, by `group` or by another."""
    sizes: dict[str, float] = {}
    for pid in tree(roots):
        try:
            text = (_PROC / str(pid) / "smaps_rollup").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if found := _PSS.search(text):
            name = (by or group)(pid)
            sizes[name] = sizes.get(name, 0.0) + int(found[1]) / 1024
    return sizes


def group(pid: int) -> str:
    """A replica's deployment, HAProxy, or Ray's own; others by their program."""
    arguments = _arguments(pid)
    text, program = " ".join(arguments), Path(arguments[0] if arguments else "")
    if replica := _REPLICA.match(text):
        return replica[1]
    if "haproxy" in program.name:
        return HAPROXY
    ray = text.startswith("ray::") or any(part in text for part in _STARTED_FOR_RAY)
    return RAY if ray or not text else program.name.partition(" ")[0]


def part(pid: int) -> str:
    """As `group`, but Ray's own are told apart: "Ray: raylet"."""
    if (whole := group(pid)) != RAY:
        return whole
    text = " ".join(_arguments(pid)) + " "
    names = (name for mark, name in _PARTS_OF_RAY.items() if mark in text)
    return f"Ray: {next(names, 'others')}"


def machine() -> Machine:
    """From /proc/stat."""
    line = (_PROC / "stat").read_text(encoding="ascii").partition("\n")[0]
    user, nice, system, _, _, _, _, steal = map(int, line.split()[1:9])
    return Machine(
        busy_ms=(user + nice + system) * _TICK_MS,
        stolen_ms=steal * _TICK_MS,
    )


def _arguments(pid: int) -> list[str]:
    """Its command line, empty where there is none (any more); paths may hold spaces."""
    try:
        command = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    said = command.decode(errors="replace").strip("\0 ")
    return said.split("\0") if said else []


def _stat(pid: int) -> Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The command's name, in brackets, may hold spaces.
    fields = text.rpartition(")")[2].split()
    return Stat(int(fields[1]), sum(map(int, fields[11:15])) * _TICK_MS)
