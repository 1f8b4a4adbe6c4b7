"""The files of request logs: a replica's own, and those that dead ones have left.

`requests_REPLICA.log`, and `.log.1` and so on, the older the higher. A replica that
lives holds a lock of the first one, which ends with its process. Each start of a
replica makes files of a new name, and nobody else deletes those of the dead.
"""

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

_ROTATE_BYTES = 64 * 2**20
_KEPT_FILES = 5
_NAME = re.compile(r"(requests_.+\.log)(?:\.\d+)?")
# One that was touched since may be just being begun, and not be locked yet.
_SETTLED_S = 60.0


class RequestFile(RotatingFileHandler):
    """A file of the replica's own, which is begun anew when it is large.

    One with prompts is for its owner only: Ray's directories are open to all. Else it
    has the mode of Serve's own logs. Of what dead replicas have left in its directory
    and in those `beside`, `kept_bytes` are kept.
    """

    def __init__(
        self,
        directory: Path,
        replica: str,
        *,
        prompts: bool = False,
        kept_bytes: int,
        beside: Iterable[Path] = (),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._mode = 0o600 if prompts else 0o666
        self._kept_bytes = kept_bytes
        self._directories = {directory, *beside}
        super().__init__(
            directory / f"requests_{replica}.log",
            maxBytes=_ROTATE_BYTES,
            backupCount=_KEPT_FILES,
            encoding="utf-8",
        )

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        handle = os.open(self.baseFilename, flags, self._mode)
        with suppress(OSError):  # a file system without locks: it is still a log
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        drop_old(self._directories, self._kept_bytes)
        return TextIOWrapper(os.fdopen(handle, "ab"), encoding=self.encoding)


def of_all_runs(directory: Path) -> list[Path]:
    """Where requests are logged, in each run of Ray on this machine.

    Each has a directory of its own and leaves it there: SESSION/logs/serve.
    """
    session = directory.parents[1]
    found = session.parent.glob(f"session_*/{directory.relative_to(session)}")
    return [each for each in found if not each.parents[1].is_symlink()]


def drop_old(
    directories: Iterable[Path],
    kept_bytes: int,
    clock: Callable[[], float] = time.time,
) -> None:
    """Delete what dead replicas have left, the oldest first, but for `kept_bytes`."""
    left = [
        (stat.st_mtime, stat.st_size, path)
        for directory in directories
        for path, stat in _left(directory, clock() - _SETTLED_S)
    ]
    total = 0
    for _, size, path in sorted(left, reverse=True):
        total += size
        if total > kept_bytes:
            with suppress(OSError):  # another replica was faster
                path.unlink()


def _left(directory: Path, settled: float) -> Iterator[tuple[Path, os.stat_result]]:
    """The files of replicas that are gone."""
    of_replica: dict[str, list[tuple[Path, os.stat_result]]] = {}
    with suppress(OSError):
        for path in directory.iterdir():
            if name := _NAME.fullmatch(path.name):
                of_replica.setdefault(name[1], []).append((path, path.stat()))
    for first, files in of_replica.items():
        recent = any(stat.st_mtime > settled for _, stat in files)
        if not recent and not _is_held(directory / first):
            yield from files


def _is_held(path: Path) -> bool:
    """Whether a replica that lives writes to it."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:  # another user's
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
