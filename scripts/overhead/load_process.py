"""The load generator in a process of its own: made ready first, then let go."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from scripts.overhead.seen import Seen
from scripts.overhead.wire import Load
from scripts.running import python
from scripts.served import ROOT


class LoadFailed(Exception):
    """The load generator's own fault: nothing is known of the target."""


class LoadProcess:
    """A load; `begin`, then `wait`, then `seen`."""

    def __init__(self, process: "subprocess.Popen[bytes]", found: Path) -> None:
        self._process = process
        self._found = found
        self._told = b""

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def begin(self) -> None:
        """Let it ask."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Until it has asked for as long as it should."""
        assert self._process.stdout is not None
        self._told = self._process.stdout.readline()

    def seen(self) -> Seen:
        """What came of it; LoadFailed if it ended early."""
        how = self._process.wait()
        if self._told != b"done\n" or how != 0:
            raise LoadFailed(f"the load generator ended early (exit status {how})")
        return Seen(**orjson.loads(self._found.read_bytes()))


@contextmanager
def load_process(load: Load) -> Iterator[LoadProcess]:
    """One that is ready to begin; LoadFailed if it does not come so far."""
    with TemporaryDirectory() as directory:
        found = Path(directory) / "seen.json"
        with subprocess.Popen(
            python("scripts.overhead.load", str(found)),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(orjson.dumps(asdict(load)) + b"\n")
            process.stdin.flush()
            if process.stdout.readline() != b"ready\n":
                raise LoadFailed("the load generator did not start")
            yield LoadProcess(process, found)
