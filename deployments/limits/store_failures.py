"""What the store raises, as what a client is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deployments.errors import InvalidRequest, NotFound, Overloaded
from deployments.store.errors import Missing, Refused, StoreUnavailable


@asynccontextmanager
async def told_to_clients() -> AsyncIterator[None]:
    """Overloaded, NotFound or InvalidRequest instead of the store's own errors."""
    try:
        yield
    except StoreUnavailable as error:
        raise Overloaded(f"The store: {error}", retry_after_s=5.0) from None
    except Missing as error:
        raise NotFound(f"{error}.", code="not_found") from None
    except (Refused, ValueError) as error:
        field = error.field if isinstance(error, Refused) else None
        raise InvalidRequest(f"{error}.", param=field, code="refused") from None
