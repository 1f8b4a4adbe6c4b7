"""What a dead replica has left, and the lock that says that it is ours to ship."""

import os

from deployments.usage.backlog import Backlog


class Orphan:
    """`lock`: an open file, see `journal_files.lock_orphan`."""

    def __init__(self, backlog: Backlog, lock: int) -> None:
        self.backlog = backlog
        self._lock = lock

    def release(self) -> None:
        """Let others have it."""
        os.close(self._lock)
