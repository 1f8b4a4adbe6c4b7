"""Where a cluster's sockets and files lie while it runs: ours, and Ray's beside."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve_app.launching.local_cluster import LaunchError

PLACE = "RAY_TMPDIR"
_MOST_BYTES = 107  # of a Unix socket's path, on Linux
# The longest of Ray's: a session is called after its start and the process of ours.
_SOCKET = "ray/session_2026-01-31_23-59-59_123456_{pid}/sockets/plasma_store"


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A directory that no other user can enter, gone when the block ends.

    It lies where RAY_TMPDIR says, else in the system's place for such files, which is
    where Ray has to be told to put its own. LaunchError if none can be made, or if
    the path is too long for a socket of Ray's.
    """
    directory = _made()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _made() -> Path:
    try:
        place = Path(os.environ.get(PLACE) or tempfile.gettempdir()).absolute()
        longest = place / _SOCKET.format(pid=os.getpid())
        if (over := len(os.fsencode(longest)) - _MOST_BYTES) > 0:
            what = f"{place}: too long a path for Ray's sockets, by {over} bytes"
            raise LaunchError(f"{what}; {PLACE} may name another directory, say /tmp")
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="avengers-", dir=place))
    except OSError as error:
        what = f"no directory for sockets can be made: {error.strerror or error}"
        where = f"{error.filename}: " if error.filename else ""
        raise LaunchError(f"{where}{what}; {PLACE} may name another place") from None
