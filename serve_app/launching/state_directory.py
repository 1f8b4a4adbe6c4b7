"""Where a local run keeps what outlives it: the database and the journal of usage.

`$AVENGERS_VAR` in the configuration names it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve_app.launching.local_cluster import LaunchError

VAR = "AVENGERS_VAR"
_LOCK = "in-use"
_ELSEWHERE = f"{VAR} may name another directory"


@contextmanager
def state_directory(path: Path) -> Iterator[Path]:
    """Made if need be, and ours until the block ends; LaunchError if it cannot be.

    One run at a time: two Ledgers would each lease out the same budgets.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        what = f"{path}: usage and tenants cannot be kept there: {error.strerror}"
        raise LaunchError(f"{what}; {_ELSEWHERE}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        what = f"{path}: another `avengers serve` keeps its state there"
        raise LaunchError(f"{what}; {_ELSEWHERE}") from None
    except OSError as error:  # a file system without locks
        os.close(lock)
        what = f"{path}: it cannot be locked: {error.strerror}"
        raise LaunchError(f"{what}; {_ELSEWHERE}") from None
    try:
        yield path
    finally:
        os.close(lock)
