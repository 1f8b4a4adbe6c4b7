"""Where a database is: its address, in the words that people write it in."""

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from deployments.local_path import local_path
from deployments.store.errors import StoreError, StoreUnavailable

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

# Of an address, as the driver calls them.
_OPTIONS = {
    "sslmode": "ssl",
    "ssl": "ssl",
    "host": "host",
    "port": "port",
    "target_session_attrs": "target_session_attrs",
    "prepared_statement_cache_size": "prepared_statement_cache_size",
}


def parse_url(text: str, password: str | None = None) -> URL:
    """`sqlite:///PATH` or `postgresql://…`, the driver filled in; StoreError else.

    `password` takes the place of one in the address. Of both, the end of a line is no
    part: secrets made of files have it. A path: see `local_path`.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        raise StoreError("the database's address is no URL") from None
    if url.drivername not in _DRIVERS:
        raise StoreError(f"{url.drivername!r} is no database that is served here")
    url = url.set(drivername=_DRIVERS[url.drivername])
    if password is not None:
        url = url.set(password=password.rstrip("\r\n"))
    if not is_sqlite(url):
        return _with_driver_s_options(url)
    if url.database in (None, "", ":memory:"):
        raise StoreError("SQLite needs a file: sqlite:///PATH")
    try:
        return url.set(database=str(local_path(str(url.database))))
    except ValueError as error:
        raise StoreError(str(error)) from None


def needs_password(text: str) -> bool:
    """Whether a password that a configuration names is asked for: a file has none, so
    that one configuration serves a laptop and a cluster. StoreError if it is no URL."""
    return not is_sqlite(parse_url(text))


def _with_driver_s_options(url: URL) -> URL:
    """PostgreSQL's own word for TLS is `sslmode`, and providers write it so."""
    options = {_OPTIONS.get(name, name): value for name, value in url.query.items()}
    for name in sorted(options.keys() - set(_OPTIONS.values())):
        known = ", ".join(sorted(_OPTIONS))
        raise StoreError(
            f"the database's address: there is no option {name!r}, only {known}"
        )
    return url.set(query=options)


def is_sqlite(url: URL) -> bool:
    """Whether it is a file of ours."""
    return url.get_backend_name() == "sqlite"


def public_name(url: URL) -> str:
    """What may be said of it: without password and options."""
    plain = url.set(drivername=url.get_backend_name(), query={})
    return plain.render_as_string(hide_password=True)


def check_file(url: URL) -> None:
    """StoreError if there is no file for SQLite, which would make an empty one."""
    try:
        found = Path(str(url.database)).is_file()
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise StoreUnavailable(f"{public_name(url)}: {what}") from None
    if not found:
        raise StoreError(f"{public_name(url)}: no such file")


def make_private_file(url: URL) -> None:
    """Make SQLite's file, for its owner only; those beside it take on its mode."""
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise StoreUnavailable(f"{public_name(url)}: {what}") from None
