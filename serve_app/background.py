"""What a Gateway replica does beside answering: it follows the Ledger."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from deployments.errors import ServingError
from deployments.limits.ledger_protocol import LedgerLike
from deployments.usage.recorder import Recorder
from deployments.usage.shipper import Shipper
from serve_app.access.holdings import Holdings
from serve_app.gateway import Gateway
from serve_app.health import Health

logger = logging.getLogger(__name__)

_EVERY_S = 1.0
# At the end; upstreams are asked for the last time 10.5 s after an answer broke off.
_CORRECTIONS_S = 11.0
_AWAY_S = 5.0  # a Ledger that was not heard of for so long is away
# A call of a Ledger whose node is gone may never end. Longer than SQL may take for one.
_PATIENCE_S = 120.0


class Background:
    """Refreshes the accounts, gives idle leases back, ships usage records."""

    def __init__(
        self,
        gateway: Gateway,
        ledger: LedgerLike,
        recorder: Recorder,
        holdings: Holdings,
    ) -> None:
        self._gateway = gateway
        self._ledger = ledger
        self._holdings = holdings
        self._recorder = recorder
        self._journal = journal = recorder.journal
        self._shipper = Shipper(journal.directory, journal, ledger)
        self._reported_until = 0.0
        self._mark = (0.0, 0)  # when by the holdings' clock, how many records by then
        self._failures = 0  # of the shipper, when last looked at
        self._failing: set[str] = set()
        self._heard_at = time.monotonic()  # of the Ledger

    def health(self) -> Health:
        """As it is now."""
        pending = self._shipper.pending + self._recorder.waiting
        reachable = time.monotonic() - self._heard_at < _AWAY_S
        return Health(reachable, pending, self._recorder.problem)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the block runs; at its end what is left is written and shipped."""
        self._shipper.start()
        loops = [
            asyncio.create_task(self._repeat("accounts", self._refresh)),
            asyncio.create_task(self._repeat("leases", self._give_back)),
        ]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            # Before the journal is closed: they are written to it.
            await self._gateway.completions.corrections.drain(_CORRECTIONS_S)
            self._recorder.recover(at_once=True)
            if lost := self._recorder.waiting:
                what = "%d usage records are lost, of a replica that ends: %s"
                logger.critical(what, lost, self._recorder.problem)
            # Ships what is left and closes us with the Ledger: that ends our leases.
            await self._shipper.stop()

    async def _refresh(self) -> None:
        known = self._gateway.accounts_version
        snapshot = await self._ledger.snapshot(known)
        if snapshot is not None:
            await asyncio.to_thread(self._gateway.take, snapshot)
        warned = self._gateway.only_warned
        self._gateway.warn(await self._ledger.soft_budgets_reached(warned))
        self._heard_at = time.monotonic()

    async def _give_back(self) -> None:
        self._recorder.recover()
        if self._failures != self._shipper.failures:
            self._failures = self._shipper.failures
            self._holdings.doubt(self._reported_until)
        at, appended = self._mark
        shipped = self._journal.appended - self._shipper.pending
        if shipped >= appended and not self._recorder.waiting:
            self._reported_until = at
            self._mark = self._holdings.now(), self._journal.appended
        await self._holdings.give_back_idle(self._reported_until)

    async def _repeat(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Again and again; a failure is said once, until it is over."""
        while True:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await work()
                self._failing.discard(what)
            except Exception as error:  # whatever it is, the next try may succeed
                if what not in self._failing:
                    unforeseen = not isinstance(error, ServingError | TimeoutError)
                    said = str(error) or type(error).__name__
                    told = "%s cannot be refreshed: %s"
                    logger.warning(told, what, said, exc_info=unforeseen)
                self._failing.add(what)
            await asyncio.sleep(_EVERY_S)
