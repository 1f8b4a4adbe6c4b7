"""What Ray runs of the Ledger: one replica."""

import asyncio
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from artifacts.location import artifact_location
from deployments.errors import Overloaded
from deployments.limits.ledger import Ledger
from deployments.limits.ledger_protocol import LedgerLike
from deployments.limits.store_failures import unavailable
from deployments.store.config import DatabaseConfig
from deployments.store.database import Database
from deployments.store.errors import Denied, StoreUnavailable
from deployments.store.location import needs_password
from deployments.telemetry.metrics import LedgerMetrics
from deployments.telemetry.ray_export import RayExport
from deployments.telemetry.tally import Tally
from deployments.tenancy import TenantConfig

logger = logging.getLogger(__name__)

# Whose budgets are told as metrics: more would be many series for few alerts.
_BUDGETS = 100
# Of one try; a request that comes before the database waits no longer.
_TRY_S = 10.0
# Where somebody waits for the start (`serve_app.launching`), that a database does not
# answer is told after so long; else it may come minutes later, as after a power cut.
_PATIENCE = "AVENGERS_DATABASE_PATIENCE_S"
# Between two tries to tell a database that was away of the artifacts.
_AGAIN_S = 5.0
_METHODS = frozenset(name for name in vars(LedgerLike) if not name.startswith("_"))


class LedgerReplica:
    """A Ledger on a database, whose address and password the replica reads from its own
    environment: what it is made with lies in Ray's head, and in its Redis.

    `configured`, `tiers` and `artifacts`: tenants, names of cost tiers, and where
    artifacts lie, of the configuration.
    """

    def __init__(
        self,
        config: DatabaseConfig,
        configured: Sequence[TenantConfig],
        tiers: Sequence[str] = (),
        artifacts: Mapping[str, str] | None = None,
    ) -> None:
        url = config.address()
        database = Database(url, password=_password(url, config.password_env))
        self._ledger = ledger = Ledger(database, configured, tiers, artifacts)
        self._metrics = LedgerMetrics(
            Tally(RayExport()),
            lambda: ledger.tightest_budgets(_BUDGETS),
            ledger.unreadable_tenants,
        )
        self._configured_tiers = tiers
        self._configured_artifacts = artifacts or {}
        self._patience_s = _patience_s()
        self._opening = asyncio.Lock()
        self._is_open = False
        self._kept_days = config.usage_kept_days
        self._retaining: asyncio.Task[None] | None = None
        self._declaring: asyncio.Task[None] | None = None

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """`{"cost_tiers": …, "artifacts": …}` as the Gateway's; of the tiers the names
        count here.

        The Gateways tell of changed tenants themselves.
        """
        for name in user_config.keys() - {"cost_tiers", "artifacts"}:
            raise ValueError(f"user_config: {name}: not a setting of the Ledger")
        tiers = user_config.get("cost_tiers", self._configured_tiers)
        self._ledger.configure([*tiers])
        artifacts = user_config.get("artifacts", self._configured_artifacts)
        located = {name: artifact_location(where) for name, where in artifacts.items()}
        if self._declaring is not None:
            self._declaring.cancel()
            self._declaring = None
        try:
            await self._ledger.declare(located)
        except Overloaded:
            # Serve would end this Ledger for it, and none starts without a database.
            self._declaring = asyncio.create_task(self._declare_later(located))

    async def check_health(self) -> None:
        """Serve calls it from the start: the first call opens the database, and waits
        until it is there. Of three starts that failed Serve gives a deployment up, for
        good; for one that takes long it waits, and says so.

        ConnectionError where the database has answered that it lets nobody in, or where
        patience is limited: what Serve tells of a start that failed.
        """
        until = time.monotonic() + self._patience_s
        while True:
            try:
                return await self._open()
            except StoreUnavailable as error:
                if isinstance(error, Denied) or time.monotonic() >= until:
                    raise ConnectionError(f"The store: {error}") from None
                logger.warning(
                    "the Ledger starts when the database is there: %s", error
                )

    async def call(self, method: str, *arguments: Any) -> Any:
        """A method of LedgerLike."""
        if method not in _METHODS:
            raise ValueError(f"the Ledger has no method {method!r}")
        try:
            await self._open()
        except StoreUnavailable as error:
            raise unavailable(error) from None
        return await getattr(self._ledger, method)(*arguments)

    async def _declare_later(self, located: Mapping[str, str]) -> None:
        while True:
            await asyncio.sleep(_AGAIN_S)
            with suppress(Overloaded):
                return await self._ledger.declare(located)

    async def _open(self) -> None:
        async with self._opening:
            if not self._is_open:
                await self._ledger.open(patience_s=_TRY_S)
                self._is_open = True
                if self._kept_days is not None:
                    retaining = self._ledger.retain(self._kept_days)
                    self._retaining = asyncio.create_task(retaining)
                self._metrics.start()


def _patience_s() -> float:
    """ValueError names the variable where it holds no number of seconds."""
    stated = os.environ.get(_PATIENCE, "inf")
    try:
        seconds = float(stated)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise ValueError(f"{_PATIENCE}: not a number of seconds: {stated!r}")
    return seconds


def _password(url: str, variable: str | None) -> str | None:
    """ValueError names the variable where it is not set."""
    if variable is None or not needs_password(url):
        return None
    if variable not in os.environ:
        raise ValueError(f"database.password_env: {variable} is not set")
    return os.environ[variable]
