"""What the threads of a process used, and how often others took their processor."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

REST = "event loop and others"


@dataclass(frozen=True)
class Thread:
    """Of one thread; between two moments, or since it began."""

    run_ms: float
    wait_ms: float  # ready to run, but no processor was free
    preempted: int

    def __add__(self, other: "Thread") -> "Thread":
        return Thread(
            self.run_ms + other.run_ms,
            self.wait_ms + other.wait_ms,
            self.preempted + other.preempted,
        )

    def __sub__(self, before: "Thread") -> "Thread":
        return self + Thread(-before.run_ms, -before.wait_ms, -before.preempted)


@dataclass
class Used:
    """Filled in when the time watched is over."""

    threads: dict[str, Thread] = field(default_factory=dict)

    def shares(self) -> dict[str, float]:
        """Of the processor time, the greatest first."""
        whole = sum(thread.run_ms for thread in self.threads.values()) or 1.0
        parts = {name: thread.run_ms / whole for name, thread in self.threads.items()}
        return dict(sorted(parts.items(), key=lambda part: -part[1]))


_NONE = Thread(0.0, 0.0, 0)


@contextmanager
def watched(pid: int, pools: Mapping[str, str]) -> Iterator[Used]:
    """What the process uses meanwhile, by thread.

    `pools`: what the threads are called here, by how Python's names of them begin; all
    others are `REST`. The operating system does not know Python's names: py-spy does.
    """
    used = Used()
    names = {
        tid: next((told for start, told in pools.items() if name.startswith(start)), "")
        for tid, name in _python_names(pid).items()
    }
    before = _threads(pid)
    yield used
    for tid, thread in _threads(pid).items():
        name = names.get(tid) or REST
        gained = thread - before.get(tid, _NONE)
        used.threads[name] = used.threads.get(name, _NONE) + gained


def _python_names(pid: int) -> dict[int, str]:
    program = str(Path(sys.executable).with_name("py-spy"))
    command = [program, "dump", "--json", "--nonblocking", "-p", str(pid)]
    told = subprocess.run(command, capture_output=True, check=False)
    if told.returncode != 0:
        raise SystemExit("py-spy failed: it may need the right to trace processes")
    rows = orjson.loads(told.stdout)
    return {row["os_thread_id"]: row["thread_name"] or "" for row in rows}


def _threads(pid: int) -> dict[int, Thread]:
    """SystemExit where the kernel does not tell them."""
    found = {}
    for folder in Path(f"/proc/{pid}/task").iterdir():
        try:
            run_ns, wait_ns, _ = (folder / "schedstat").read_text().split()
            status = (folder / "status").read_text()
        except OSError:
            continue  # it has ended meanwhile
        count = status.partition("nonvoluntary_ctxt_switches:")[2]
        found[int(folder.name)] = Thread(
            int(run_ns) / 1e6, int(wait_ns) / 1e6, int(count)
        )
    if not found:
        raise SystemExit(f"/proc/{pid}/task/*/schedstat: there is none, or no process")
    return found
