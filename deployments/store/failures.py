"""Translates what drivers raise into the errors of the store, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from deployments.store.errors import StoreUnavailable
from deployments.store.location import is_sqlite, public_name

# What is wrong with the statement or its values stays so; all else may pass.
_OURS = (DataError, IntegrityError, ProgrammingError)


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """StoreUnavailable for whatever may be otherwise a moment later."""
    try:
        yield
    except _OURS:
        raise
    except _passing(url) as error:
        raise StoreUnavailable(_said(error, url)) from None


def _passing(url: URL) -> tuple[type[Exception], ...]:
    wrapped = (DBAPIError, PoolTimeout, OSError, TimeoutError)
    if is_sqlite(url):
        return wrapped
    import asyncpg  # type: ignore[import-untyped]

    # While it connects, nothing wraps what the driver raises.
    return (*wrapped, asyncpg.PostgresError, asyncpg.InterfaceError)


def _said(error: BaseException, url: URL) -> str:
    """One line, in which no password stands."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig.__cause__ or error.orig
    lines = str(error).strip().splitlines() or [type(error).__name__]
    line = lines[0]
    if url.password:
        line = line.replace(str(url.password), "***")
    return f"{public_name(url)}: {line}"
