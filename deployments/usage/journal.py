"""The journal of usage records: append-only files on local disk, one row of them for
each replica.

A record is handed to the operating system in one write before the request's answer
ends, so it survives the death of the process; it is on disk within a second, so a power
cut loses at most that second.
"""

import asyncio
import errno
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deployments.usage.journal_files import lock_own, records_path
from deployments.usage.record import UsageRecord

_SYNC_S = 1.0
_ROTATE_BYTES = 64 * 2**20
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND

logger = logging.getLogger(__name__)


class Journal:
    """Appends to files of its own in `directory`; OSError if they cannot be made.

    `replica` names the writer: the holder of its leases. As long as it lives it holds
    a lock, so that others can tell (see `journal_files`).
    """

    def __init__(self, directory: Path, *, rotate_bytes: int = _ROTATE_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self.directory = directory
        self.replica = f"{stamp}-{os.getpid()}-{secrets.token_hex(4)}"
        self.appended = 0  # records so far
        self._rotate_bytes = rotate_bytes
        self._lock = lock_own(directory, self.replica)
        # One thread: a file is closed after it was synced, never while it is.
        self._disk = ThreadPoolExecutor(1, "journal")
        self._syncing: asyncio.TimerHandle | None = None
        self._closing = threading.Lock()  # it may be closed in another thread
        self._closed = False
        self._number = -1
        self._torn = 0  # bytes of a part of a record that the file ends with
        self._begin_file()

    def append(self, record: UsageRecord) -> None:
        """Write one record; OSError if the disk refuses it, or after `close`."""
        line = record.to_json() + b"\n"
        with self._closing:
            if self._closed:
                # Its number may be another file's by now.
                raise OSError(errno.EBADF, "the journal is closed", self.path.name)
            self._write(line)

    def _write(self, line: bytes) -> None:
        if self._size and self._size + len(line) > self._rotate_bytes:
            self._rotate()
        if self._torn:
            line = b"\n" + line  # a part of a record stands alone: it harms no other
        written = os.write(self._file, line)
        if written < len(line):
            # The disk is full: nothing may be glued to a part of a record.
            self._torn += written
            os.ftruncate(self._file, self._size)
            self._torn = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path.name)
        # What follows a part that stays is cut off behind it, never before.
        self._size += self._torn + written
        self._torn = 0
        self.appended += 1
        self._sync_soon()

    def close(self) -> None:
        """Sync, close and let others take over."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        if self._syncing is not None:
            self._syncing.cancel()
        self._disk.shutdown()
        _end(self._file)
        os.close(self._lock)

    def _begin_file(self) -> None:
        path = records_path(self.directory, self.replica, self._number + 1)
        self._file = os.open(path, _FLAGS, 0o600)
        self._torn = 0
        self._number += 1
        self._size = 0
        self.path = path

    def _rotate(self) -> None:
        full = self._file
        try:
            self._begin_file()
        except OSError as error:
            what = "no new journal file can be begun: %s"
            logger.warning(what, error.strerror)
            return  # the old one goes on
        self._disk.submit(_end, full)

    def _sync_soon(self) -> None:
        if self._syncing is None:
            loop = asyncio.get_running_loop()
            self._syncing = loop.call_later(_SYNC_S, self._sync)

    def _sync(self) -> None:
        self._syncing = None
        self._disk.submit(_sync, self._file)


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        logger.critical("the journal cannot be synced: %s", error.strerror)


def _end(file: int) -> None:
    _sync(file)
    os.close(file)


def read_journal(directory: Path) -> Iterator[UsageRecord]:
    """The latest revision of each record in all files of `directory`.

    A torn last line, left by a process that was killed, is skipped.
    """
    latest: dict[str, UsageRecord] = {}
    for path in sorted(directory.glob("usage-*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                record = UsageRecord.from_json(line)
            except ValueError:
                continue
            known = latest.get(record.id)
            if known is None or known.revision <= record.revision:
                latest[record.id] = record
    yield from latest.values()
