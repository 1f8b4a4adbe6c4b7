"""How connections to a database are made, and when one is given up. Knows no tables."""

import socket
from typing import Any

import orjson
from sqlalchemy import URL, Connection, ExceptionContext, event
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deployments.store.errors import StoreError
from deployments.store.location import is_sqlite

BEGIN = "avengers_begin"  # an execution option: how SQLite begins
_CONNECT_S = 5.0
_LOOK_S = 5.0
_COMMAND_S = 60.0
# In one INSERT. Drivers keep the last hundred statements prepared, and each number of
# rows makes another: of 1,000 rows they would hold hundreds of MiB.
_ROWS = 64
# A server that is gone without a word (its node died, packets are dropped) would be
# waited for until a command's time is over, by all whose turn it is to wait.
_SILENT_S = 10
_KEEPALIVE = {
    "SO_KEEPALIVE": (socket.SOL_SOCKET, 1),
    "TCP_KEEPIDLE": (socket.IPPROTO_TCP, 4),
    "TCP_KEEPINTVL": (socket.IPPROTO_TCP, 2),
    "TCP_KEEPCNT": (socket.IPPROTO_TCP, 3),
    "TCP_USER_TIMEOUT": (socket.IPPROTO_TCP, 1000 * _SILENT_S),
}
_USED = "avengers_used"
# A process that hangs in a transaction, or whose node died, keeps its locks for as long
# as its server waits for it; and others wait for those.
_IDLE_S = 30
_NO_LONGER_IDLE = "SET {} idle_in_transaction_session_timeout = {}"
_READ_ONLY = "25006"  # an SQL state


def engine_of(url: URL, busy_timeout_s: float) -> AsyncEngine:
    """Of SQLite or PostgreSQL; StoreError where it cannot be made at all."""
    common: dict[str, Any] = {
        "hide_parameters": True,  # no error may show whose record it was
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
        "insertmanyvalues_page_size": _ROWS,
    }
    if is_sqlite(url):
        engine = create_async_engine(
            url, connect_args={"timeout": busy_timeout_s}, **common
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    try:
        engine = create_async_engine(url, connect_args=_options(url), **common)
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL needs asyncpg (pip install asyncpg)") from None
    except (ArgumentError, ValueError):
        what = "a host or a port of it is none"
        raise StoreError(f"the database's address: {what}") from None
    event.listen(engine.sync_engine, "connect", _keep_alive)
    event.listen(engine.sync_engine, "checkout", _look)
    event.listen(engine.sync_engine, "handle_error", _tell_lost)
    # Not when it connects: a pooler lets nobody in who states what it does not know.
    if _is_pooled(url):
        event.listen(engine.sync_engine, "begin", _bound_transaction)
    else:
        event.listen(engine.sync_engine, "connect", _bound_session)
    return engine


def _options(url: URL) -> dict[str, Any]:
    options: dict[str, Any] = {"timeout": _CONNECT_S, "command_timeout": _COMMAND_S}
    if _is_pooled(url):
        # The next transaction may be another server's, which knows no statement of this
        # one: none may have a name, nor the driver's own.
        options["statement_cache_size"] = 0
        options["prepared_statement_name_func"] = str
    return options


def _is_pooled(url: URL) -> bool:
    """Whether its transactions may each be at another server, behind a pooler."""
    return url.query.get("prepared_statement_cache_size") == "0"


def _bound_session(connection: Any, _record: object) -> None:
    statement = _NO_LONGER_IDLE.format("SESSION", 1000 * _IDLE_S)
    connection.run_async(lambda c: c.execute(statement, timeout=_CONNECT_S))


def _bound_transaction(connection: Connection) -> None:
    # What is set for a session would be set for whoever is given that server next.
    connection.exec_driver_sql(_NO_LONGER_IDLE.format("LOCAL", 1000 * _IDLE_S))


def _tell_lost(context: ExceptionContext) -> None:
    """A primary that has become a standby may keep its connections: only who connects
    anew finds the one that has taken its place."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def _keep_alive(connection: Any, _record: object) -> None:
    opened = connection.driver_connection._transport.get_extra_info("socket")
    if opened.family == socket.AF_UNIX:
        return
    for name, (level, value) in _KEEPALIVE.items():
        if hasattr(socket, name):  # not all systems have all
            opened.setsockopt(level, getattr(socket, name), value)


def _look(connection: Any, record: Any, _proxy: object) -> None:
    """Whether a connection that was used before still answers. If not, none of those
    that were made before it is used again: each would be waited for anew."""
    import asyncpg  # type: ignore[import-untyped]

    if not record.info.get(_USED):
        record.info[_USED] = True
        return
    try:
        connection.run_async(lambda c: c.execute("SELECT 1", timeout=_LOOK_S))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise InvalidatePoolError from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own BEGIN comes too late, and not at all before a SELECT.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # what is committed outlives a power cut
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: two that read first and write then would fail, not wait.
    kind = connection.get_execution_options().get(BEGIN, "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {kind}")
