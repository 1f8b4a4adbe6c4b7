"""The journal of usage records: append-only files on local disk, one for each replica.

A record is handed to the operating system in one write before the request's answer
ends, so it survives the death of the process; it is on disk within a second, so a power
cut loses at most that second.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from deployments.usage import UsageRecord

_SYNC_S = 1.0
_SUFFIX = ".jsonl"


class Journal:
    """Appends to a file of its own in `directory`; OSError if that cannot be made."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        name = f"usage-{stamp}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self.path = directory / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(self.path, flags, 0o600)
        self._syncing: asyncio.TimerHandle | None = None

    def append(self, record: UsageRecord) -> None:
        """Write one record; OSError if the disk refuses it."""
        line = record.to_json() + b"\n"
        written = os.write(self._file, line)
        if written < len(line):
            # The disk is full: the torn line is ended, and skipped by the reader.
            os.write(self._file, b"\n")
            raise OSError(f"{self.path.name}: only a part of a record was written")
        self._sync_soon()

    def close(self) -> None:
        """Sync and close."""
        os.fsync(self._file)
        os.close(self._file)

    def _sync_soon(self) -> None:
        if self._syncing is None:
            loop = asyncio.get_running_loop()
            self._syncing = loop.call_later(_SYNC_S, self._sync, loop)

    def _sync(self, loop: asyncio.AbstractEventLoop) -> None:
        self._syncing = None
        loop.run_in_executor(None, os.fsync, self._file)


def read_journal(directory: Path) -> Iterator[UsageRecord]:
    """The latest revision of each record in all files of `directory`.

    A torn last line, left by a process that was killed, is skipped.
    """
    latest: dict[str, UsageRecord] = {}
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        for line in path.read_bytes().splitlines():
            try:
                record = UsageRecord.from_json(line)
            except ValueError:
                continue
            known = latest.get(record.id)
            if known is None or known.revision <= record.revision:
                latest[record.id] = record
    yield from latest.values()
