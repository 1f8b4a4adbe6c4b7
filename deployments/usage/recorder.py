"""Keeps usage records, and lets no request in whose record could not be kept.

    writable ──a write fails──→ full: the ballast is freed, so what runs is recorded
        ↑                         │   new requests are refused (or not: `refuse`)
        └──all is written, and the ballast is there again──┘   tried once a second

What cannot be written at all waits in memory, and is written as soon as that is
possible; it is lost only if the process ends before.
"""

import logging
import time
from collections import deque
from collections.abc import Callable

from deployments.errors import Overloaded
from deployments.usage.ballast import Ballast
from deployments.usage.journal import Journal
from deployments.usage.journal_files import ballast_path
from deployments.usage.record import UsageRecord

_TRY_EVERY_S = 1.0
_BALLAST_BYTES = 2**20  # for more records than a replica has requests at a time
_RETRY_AFTER_S = 5.0
_MOST_WAITING = 20_000  # without `refuse` there may be more: they are lost, and counted

logger = logging.getLogger(__name__)


class Recorder:
    """Writes to a journal. `refuse`: no new request while the journal is full."""

    def __init__(
        self,
        journal: Journal,
        *,
        refuse: bool = True,
        ballast_bytes: int = _BALLAST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = journal
        self._refuse = refuse
        self._clock = clock
        path = ballast_path(journal.directory, journal.replica)
        self._ballast = Ballast(path, ballast_bytes)
        self._waiting: deque[UsageRecord] = deque()
        self._tried_at = 0.0
        self.problem: str | None = None  # why nothing can be written; None = it can
        self.lost = 0
        self._try()

    @property
    def waiting(self) -> int:
        """Records that are in memory only."""
        return len(self._waiting)

    def check(self) -> None:
        """Overloaded if the record of a new request could not be kept."""
        self.recover()
        if self.problem is not None and self._refuse:
            raise Overloaded(
                f"Usage cannot be recorded ({self.problem}), so nothing is answered.",
                code="usage_not_recordable",
                retry_after_s=_RETRY_AFTER_S,
            )

    def recover(self, *, at_once: bool = False) -> None:
        """Try whether it can be written again, if it could not, once a second."""
        due = at_once or self._clock() - self._tried_at >= _TRY_EVERY_S
        if self.problem is not None and due:
            self._try()

    def append(self, record: UsageRecord) -> None:
        """Keep one record, on disk if that is possible at all."""
        try:
            self.journal.append(record)
        except OSError as error:
            self._full(error)
            self._ballast.release()
            try:
                self.journal.append(record)
            except OSError:
                self._wait(record)

    def _try(self) -> None:
        """Write what waits, and take the ballast; then all is as it was."""
        self._tried_at = self._clock()
        try:
            while self._waiting:
                self.journal.append(self._waiting[0])
                self._waiting.popleft()
            self._ballast.fill()
        except OSError as error:
            self._full(error)
            return
        if self.problem is not None:
            logger.warning("usage can be recorded again")
        self.problem = None

    def _full(self, error: OSError) -> None:
        if self.problem is None:
            consequence = "requests are refused" if self._refuse else "requests go on"
            what = "usage cannot be recorded, %s: %s"
            logger.critical(what, consequence, error.strerror or error)
        self.problem = error.strerror or str(error)

    def _wait(self, record: UsageRecord) -> None:
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(record)
            return
        self.lost += 1
        what = "usage record %s is lost, the %d. of them: the journal is full"
        logger.critical(what, record.id, self.lost)
