"""Translates what drivers raise into the errors of the store, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from deployments.store.errors import Denied, StoreUnavailable, Unfit
from deployments.store.location import is_sqlite, public_name

_VALUES = ("22", "23")  # SQL states: a value that does not fit, or breaks a constraint
_FORBIDDEN = "42501"
_DENIED = ("28", "3D")  # who connects, or to what


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Unfit for values that do not fit, StoreUnavailable for what may pass: also that
    the database forbids it to its user.

    A statement that makes no sense is a mistake of ours, and stays what it is.
    """
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _FORBIDDEN:
            raise
        raise StoreUnavailable(_said(error, url)) from None
    except _passing(url) as error:
        raise _kind(error)(_said(error, url)) from None


def _kind(error: Exception) -> type[StoreUnavailable | Unfit]:
    if _is_of_values(error):
        return Unfit
    return Denied if _state(error)[:2] in _DENIED else StoreUnavailable


def _state(error: Exception) -> str:
    told = error.orig if isinstance(error, DBAPIError) else error
    return getattr(told, "sqlstate", None) or ""


def _is_of_values(error: Exception) -> bool:
    if isinstance(error, DataError | IntegrityError):
        return True
    orig = error.orig if isinstance(error, DBAPIError) else None
    # asyncpg looks at values before it sends them.
    return _state(error)[:2] in _VALUES or isinstance(
        getattr(orig, "__cause__", 0), ValueError
    )


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
