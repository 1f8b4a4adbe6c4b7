"""Space on a journal's disk that is held so that it can be freed when the disk is full.

Requests that run when the disk fills up have a record to write yet. They find room for
it where the ballast was.
"""

import os
from pathlib import Path


class Ballast:
    """A file of blocks that nobody reads; made by `fill`."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def fill(self) -> None:
        """Take the space; OSError, and nothing is held, if there is not so much."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(file, 0, self._size)
        except OSError:
            os.ftruncate(file, 0)
            raise
        finally:
            os.close(file)

    def release(self) -> None:
        """Free the space."""
        self._path.unlink(missing_ok=True)
