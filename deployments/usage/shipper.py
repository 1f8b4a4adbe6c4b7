"""Ships usage records from the journals of this machine to the Ledger.

That a record was taken is written down after the fact, so it may be shipped twice; ids
and revisions make that harmless. While the Ledger is down, records wait in their files.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from deployments.errors import ServingError
from deployments.usage.backlog import Backlog, Batch
from deployments.usage.delivery import PATIENCE_S, Receiver, Refusals, deliver
from deployments.usage.journal import Journal
from deployments.usage.journal_files import drop_unfinished, lock_orphan, replicas
from deployments.usage.orphan import Orphan

_BATCH = 1000
_INTERVAL_S = 0.5
_LONGEST_PAUSE_S = 5.0
_ORPHANS_S = 5.0  # between two looks for what dead replicas have left
_ORPHAN_BATCHES = 10  # at a time: our own records must not wait for them

logger = logging.getLogger(__name__)


class Shipper:
    """One for each journal; `start` and `stop` in the journal's event loop."""

    def __init__(
        self,
        directory: Path,
        journal: Journal,
        ledger: Receiver,
        *,
        interval_s: float = _INTERVAL_S,
    ) -> None:
        self._directory = directory
        self._journal = journal
        self._ledger = ledger
        self._interval_s = interval_s
        self._own = Backlog(directory, journal.replica, live=True)
        self._orphans: dict[str, Orphan] = {}
        self._look_at = 0.0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.failing = False  # the last try to ship did not succeed
        self.failures = 0  # tries that did not; the Ledger may have taken all the same
        self.rejected = 0  # lines that were set aside

    @property
    def pending(self) -> int:
        """Records that wait: this replica's, and those of dead ones it stands for."""
        orphans = (orphan.backlog for orphan in self._orphans.values())
        own = self._journal.appended - self._own.lines_taken
        return own + sum(backlog.lines_left for backlog in orphans)

    def start(self) -> None:
        """Begin to ship, now and until `stop`."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Close the journal and ship what is left of it, if that is soon done.

        What is not is shipped by the next replica that has this directory.
        """
        self._stopping.set()
        if self._task is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._task, timeout_s)
        self._leave_orphans()
        await asyncio.to_thread(self._journal.close)
        try:
            async with asyncio.timeout(timeout_s):
                await self._take_over([self._journal.replica])
                while self._orphans:
                    await self._ship_orphans()
        except (ServingError, OSError) as error:  # a TimeoutError is an OSError
            logger.warning("usage records wait for another replica: %s", _said(error))
        finally:
            self._leave_orphans()

    async def _run(self) -> None:
        pause_s = self._interval_s
        while not self._stopping.is_set():
            try:
                await self._round()
            except Exception as error:  # noqa: BLE001  (nothing may end this task)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                self._failed(error)
            else:
                pause_s, self.failing = self._interval_s, False
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    def _failed(self, error: Exception) -> None:
        expected = isinstance(error, ServingError | OSError)
        if not self.failing or not expected:
            what = "usage records wait, %d of them: %s"
            trace = None if expected else error
            logger.warning(what, self.pending, _said(error), exc_info=trace)
        self.failing = True
        self.failures += 1

    async def _round(self) -> None:
        while await self._ship_batch(self._own) == _BATCH:
            pass
        now = asyncio.get_running_loop().time()
        if now >= self._look_at:
            await asyncio.to_thread(drop_unfinished, self._directory)
            found = await asyncio.to_thread(replicas, self._directory)
            known = {self._journal.replica, *self._orphans}
            await self._take_over(name for name in found if name not in known)
            self._look_at = now + _ORPHANS_S
        await self._ship_orphans()

    async def _take_over(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                lock = await asyncio.to_thread(lock_orphan, self._directory, name)
            except OSError as error:
                logger.warning("%s cannot be taken over: %s", name, error)
                continue
            if lock is not None:
                backlog = Backlog(self._directory, name, live=False)
                self._orphans[name] = Orphan(backlog, lock)
                await asyncio.to_thread(backlog.count)

    async def _ship_orphans(self) -> None:
        broken: OSError | None = None
        for name, orphan in list(self._orphans.items()):
            try:
                if not await self._ship_orphan(name, orphan):
                    return
            except TimeoutError:
                raise  # it is the Ledger that does not answer
            except OSError as error:  # of a disk that fails: what others left is whole
                broken = error
        if broken is not None:
            raise broken

    async def _ship_orphan(self, name: str, orphan: Orphan) -> bool:
        """Whether it was all."""
        for _ in range(_ORPHAN_BATCHES):
            if await self._ship_batch(orphan.backlog) == 0:
                break
        else:
            return False
        # Before the files are deleted: if we die in between, another does it again.
        async with asyncio.timeout(PATIENCE_S):
            await self._ledger.close_replica(name)
        await asyncio.to_thread(orphan.backlog.remove)
        self._orphans.pop(name).release()
        logger.info("taken over from a replica that is gone: %s", name)
        return True

    async def _ship_batch(self, backlog: Backlog) -> int:
        """How many lines there were."""
        batch = await asyncio.to_thread(backlog.read, _BATCH)
        if batch is None:
            return 0
        if refusals := await deliver(self._ledger, batch.lines):
            self.rejected += len(refusals)
            await asyncio.to_thread(_set_aside, backlog, batch, refusals)
        await asyncio.to_thread(backlog.taken, batch)
        return len(batch.lines)

    def _leave_orphans(self) -> None:
        while self._orphans:
            self._orphans.popitem()[1].release()


def _set_aside(backlog: Backlog, batch: Batch, refusals: Refusals) -> None:
    lines = [batch.lines[place] for place in sorted(refusals)]
    try:
        kept, first = backlog.set_aside(lines), min(refusals)
        line, why = batch.line_number(first), refusals[first]
    except OSError as error:
        logger.critical("refused usage records could not be kept: %s", error)
    else:
        what = "%s, line %d: %s; %d usage records are set aside in %s"
        logger.error(what, batch.path, line, why, len(lines), kept)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
