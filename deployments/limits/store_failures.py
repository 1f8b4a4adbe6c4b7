"""What the store raises, as what a client is told."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deployments.errors import InvalidRequest, NotFound, Overloaded
from deployments.store.errors import Missing, Refused, StoreUnavailable, Unfit

logger = logging.getLogger(__name__)

_QUIET_S = 10.0  # while the database is away, every call would say so
_last_said = ("", 0.0)  # and when


@asynccontextmanager
async def told_to_clients() -> AsyncIterator[None]:
    """Overloaded, NotFound or InvalidRequest instead of the store's own errors.

    Where the database is, and what it says, is for the log: tenants are clients, too.
    """
    try:
        yield
    except StoreUnavailable as error:
        raise unavailable(error) from None
    except Missing as error:
        raise NotFound(f"{error}.", code="not_found") from None
    except Unfit as error:
        _log(f"the store cannot take a value: {error}")
        message = "A value does not fit into the store."
        raise InvalidRequest(message, code="refused") from None
    except (Refused, ValueError) as error:
        field = error.field if isinstance(error, Refused) else None
        raise InvalidRequest(f"{error}.", param=field, code="refused") from None


def unavailable(error: StoreUnavailable) -> Overloaded:
    """What a client is told instead; the log is told all of it."""
    _log(f"the store does not answer: {error}")
    return Overloaded("The store cannot be reached now.", retry_after_s=5.0)


def _log(text: str) -> None:
    global _last_said  # one Ledger is one process
    now = time.monotonic()
    said, at = _last_said
    if text != said or now - at >= _QUIET_S:
        logger.warning("%s", text)
        _last_said = text, now
