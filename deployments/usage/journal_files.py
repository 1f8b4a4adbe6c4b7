"""The files of journals: what they are called, and whose writer is alive.

`usage-REPLICA.NUMBER.jsonl`  records, one a line; the writer is at the highest NUMBER
`usage-REPLICA.lock`          locked by the writer while it lives, then by whoever takes
                              over what it has left
`usage-REPLICA.shipped`       up to where the records have been taken
`usage-REPLICA.rejected`      lines that could not be taken: kept for people
`usage-REPLICA.ballast`       space that is freed when the disk is full
"""

import fcntl
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_RECORDS = re.compile(r"usage-([\w-]+)(?:\.(\d+))?\.jsonl")
_LOCK = re.compile(r"usage-([\w-]+)\.lock")
# Nobody takes that long from making a lock to giving it its name.
_UNFINISHED_S = 3600.0
# Whoever puts a file there writes to it more often than that.
_PUT_S = 10.0


def records_path(directory: Path, replica: str, number: int) -> Path:
    """One file of a replica's records."""
    return directory / f"usage-{replica}.{number:06d}.jsonl"


def shipped_path(directory: Path, replica: str) -> Path:
    """Where it stands how far a replica's records have been taken."""
    return directory / f"usage-{replica}.shipped"


def rejected_path(directory: Path, replica: str) -> Path:
    """A replica's lines that could not be taken."""
    return directory / f"usage-{replica}.rejected"


def ballast_path(directory: Path, replica: str) -> Path:
    """Space that is held for records of a full disk."""
    return directory / f"usage-{replica}.ballast"


def lock_path(directory: Path, replica: str) -> Path:
    """What a living replica holds."""
    return directory / f"usage-{replica}.lock"


def records_files(directory: Path, replica: str) -> list[tuple[int, Path]]:
    """A replica's files of records with their numbers, in order."""
    found = []
    for path in directory.glob(f"usage-{replica}*.jsonl"):
        name = _RECORDS.fullmatch(path.name)
        if name and name[1] == replica:
            found.append((int(name[2] or 0), path))
    return sorted(found)


def replicas(directory: Path, clock: Callable[[], float] = time.time) -> list[str]:
    """All that have left something to take or to close, the living among them.

    Records without a lock beside them were put there by somebody: not before they are
    whole, or what is still to come would be deleted with them.
    """
    paths = list(directory.iterdir())
    found = {name[1] for path in paths if (name := _LOCK.fullmatch(path.name))}
    lone = [
        (name[1], path)
        for path in paths
        if (name := _RECORDS.fullmatch(path.name)) and name[1] not in found
    ]
    growing = {name for name, path in lone if _grows(path, clock())}
    return sorted({*found, *(name for name, _ in lone)} - growing)


def _grows(path: Path, now: float) -> bool:
    """Whether it was written to a moment ago, or is gone."""
    try:
        return abs(now - path.stat().st_mtime) < _PUT_S
    except FileNotFoundError:
        return True


def lock_own(directory: Path, replica: str) -> int:
    """The lock of a new replica, as an open file; it ends with the process.

    Under its name it is locked from the first moment: nobody can come in between.
    """
    path = lock_path(directory, replica)
    hidden = path.with_name(f".{path.name}")
    handle = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        hidden.rename(path)
    except OSError:
        os.close(handle)
        raise
    return handle


def drop_unfinished(directory: Path, clock: Callable[[], float] = time.time) -> None:
    """Delete locks whose writers were killed before they gave them their names.

    They hold no record, and no other replica can know of them.
    """
    for path in directory.glob(".usage-*.lock"):
        with suppress(FileNotFoundError):
            if clock() - path.stat().st_mtime > _UNFINISHED_S:
                path.unlink()


def lock_orphan(directory: Path, replica: str) -> int | None:
    """The lock of a replica that is gone; None while it lives, or another has it."""
    path = lock_path(directory, replica)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle
