"""A database: its connections, its transactions, and waiting for it at the start."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.store.engine import BEGIN, engine_of
from deployments.store.errors import StoreUnavailable
from deployments.store.failures import translated
from deployments.store.location import (
    check_file,
    is_sqlite,
    make_private_file,
    parse_url,
)
from deployments.store.migrating import migrate, refuse_older

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0

logger = logging.getLogger(__name__)


class Database:
    """SQLite (`sqlite:///PATH`) or PostgreSQL (`postgresql://…`).

    `busy_timeout_s`: how long SQLite waits for another process's transaction.
    """

    def __init__(
        self, url: str, *, password: str | None = None, busy_timeout_s: float = 5.0
    ) -> None:
        self._url = parse_url(url, password)
        self._engine = engine_of(self._url, busy_timeout_s)
        # SQLite has one writer: ours wait in line here, not by asking again and again.
        self._turn = asyncio.Lock() if is_sqlite(self._url) else nullcontext()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    async def open(
        self, *, patience_s: float = 30.0, new: bool = True, update: bool = True
    ) -> None:
        """Wait until it answers, and bring its tables up to date.

        After `patience_s` StoreUnavailable says what was wrong last. StoreError if the
        tables are of a newer release; unless it may be `new`, if SQLite's file is
        missing; without `update`, if they are of an older release.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + patience_s
        pause_s, tries = _FIRST_PAUSE_S, 1
        if is_sqlite(self._url):
            if not new:
                check_file(self._url)
            make_private_file(self._url)
        while True:
            try:
                return await self._make_tables(update=update)
            except StoreUnavailable as error:
                if clock() + pause_s > until:
                    tried = f" (tried {tries} times)" if tries > 1 else ""
                    raise type(error)(f"{error}{tried}") from None
                logger.warning("the database is waited for: %s", error)
            await asyncio.sleep(pause_s)
            pause_s, tries = min(2 * pause_s, _LONGEST_PAUSE_S), tries + 1

    async def migrate(self, revision: str = "head") -> None:
        """Bring the tables up or down to a revision; "base" drops them all."""
        async with self.writing() as connection:
            await connection.run_sync(migrate, revision)

    async def _make_tables(self, *, update: bool) -> None:
        async with self.writing() as connection:
            if not update:
                await connection.run_sync(refuse_older)
            await connection.run_sync(migrate, "head")

    async def close(self) -> None:
        """Close its connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of the database and changes nothing."""
        level: dict[str, Any] = {BEGIN: "DEFERRED"}
        if self.dialect == "postgresql":
            level = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        engine = self._engine.execution_options(**level)
        with translated(self._url):
            async with engine.connect() as connection, connection.begin():
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, undone by any exception."""
        with translated(self._url):
            async with self._turn, self._engine.begin() as connection:
                yield connection
