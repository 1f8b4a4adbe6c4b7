"""Deletes usage records that are older than they are to be kept."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from deployments.store.errors import StoreError

_EVERY_S = 3600.0

logger = logging.getLogger(__name__)


class Deleting(Protocol):
    """The part of the usage store that is needed here."""

    async def delete_before(self, before: datetime) -> int:
        """Delete the records of requests that came earlier; how many there were."""


async def retain(
    usage: Deleting,
    days: float,
    *,
    every_s: float = _EVERY_S,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Keep the last `days` days of records, now and every hour until it is cancelled.

    Budgets keep what was spent.
    """
    while True:
        try:
            deleted = await usage.delete_before(clock() - timedelta(days=days))
        except StoreError as error:
            logger.warning("old usage records cannot be deleted now: %s", error)
        else:
            if deleted:
                what = "%d usage records were older than %g days and are deleted"
                logger.info(what, deleted, days)
        await asyncio.sleep(every_s)
