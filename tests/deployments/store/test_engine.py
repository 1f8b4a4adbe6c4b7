"""Connections that are given up, and what a pooler needs."""

import asyncio
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
from sqlalchemy import text

from deployments.store import engine
from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import record
from tests.deployments.store.silent_proxy import SilentProxy

ONE = text("SELECT 1")
LOCK = text("SELECT version FROM directory FOR UPDATE")
POOLED = "?prepared_statement_cache_size=0"

HOLDER = """
import asyncio, signal, sys
from sqlalchemy import text
from deployments.store import engine
from deployments.store.database import Database

async def main():
    engine._IDLE_S = 1
    async with Database(sys.argv[1]).writing() as connection:
        await connection.execute(text("UPDATE directory SET version = 99"))
        print("held", flush=True)
        signal.raise_signal(signal.SIGSTOP)
        await connection.execute(text("SELECT 1"))

asyncio.run(main())
"""


async def test_after_its_server_is_gone_without_a_word_the_next_one_is_asked_at_once(
    postgresql, monkeypatch
):
    """Each connection of the pool was waited for, one after the other, until the time
    of a command was over."""
    monkeypatch.setattr(engine, "_LOOK_S", 0.1)
    proxy, address = SilentProxy(postgresql.port), postgresql.new_database()
    async with proxy.listening() as port:
        database = Database(address.replace(f":{postgresql.port}/", f":{port}/"))
        await database.open()
        async with database.reading() as one, database.reading() as other:
            assert [(await each.execute(ONE)).scalar() for each in (one, other)] == [
                1,
                1,
            ]

        proxy.fall_silent()
        async with (
            asyncio.timeout(20),
            database.reading() as one,
            database.reading() as other,
        ):
            answers = [(await each.execute(ONE)).scalar() for each in (one, other)]
        await database.close()

    assert answers == [1, 1]


async def test_the_kernel_gives_a_silent_server_up_before_a_command_s_time_is_over(
    postgresql,
):
    database = Database(postgresql.url())
    async with database.reading() as connection:
        raw = await connection.get_raw_connection()
        opened = raw.driver_connection._transport.get_extra_info("socket")
        options = [
            opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        ]
    await database.close()

    assert options == [1, 10_000]


async def test_behind_a_pooler_no_statement_has_a_name(postgresql):
    address = postgresql.new_database()
    database = Database(f"{address}?prepared_statement_cache_size=0")
    await database.open()
    await UsageStore(database).ingest([record(f"use-{n}") for n in range(3)])
    async with database.writing() as connection:
        named = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"
        found = (await connection.execute(text(named))).scalar()
    await database.close()

    assert found == 0


@pytest.mark.parametrize("options", ["", POOLED], ids=["alone", "behind a pooler"])
async def test_a_process_that_hangs_in_a_transaction_holds_up_others_not_for_ever(
    postgresql, options
):
    """Its locks were kept until it went on, or its server found that its node is gone:
    after two hours."""
    address = postgresql.new_database() + options
    database = Database(address)
    await database.open()
    pipe = subprocess.PIPE
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, address, stdout=pipe, stderr=pipe
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        async with asyncio.timeout(20), database.writing() as connection:
            assert (await connection.execute(LOCK)).scalar() == 1
        holder.send_signal(signal.SIGCONT)
        async with asyncio.timeout(20):
            _, said = await holder.communicate()
    finally:
        with suppress(ProcessLookupError):
            holder.kill()
        await holder.wait()
        await database.close()

    assert b"StoreUnavailable: " in said
    assert b"idle-in-transaction timeout" in said


async def test_behind_a_pooler_no_setting_outlives_a_transaction(postgresql):
    database = Database(postgresql.new_database() + POOLED)
    shown = text("SHOW idle_in_transaction_session_timeout")
    async with database.reading() as connection:
        within = (await connection.execute(shown)).scalar()
    async with database._engine.connect() as connection:  # the same once more
        raw = await connection.get_raw_connection()
        after = await raw.driver_connection.fetchval(shown.text)
    await database.close()

    assert (within, after) == ("30s", "0")


async def ingest_for_ever(store: UsageStore) -> None:
    """A server's process looks at its settings now and then."""
    while True:
        await store.ingest([record()])


async def test_after_its_primary_has_become_a_standby_the_new_one_is_found(postgresql):
    """Connections may outlive that; each write on them failed, for ever."""
    address = postgresql.new_database()
    database = Database(address)
    await database.open()
    store = UsageStore(database)
    # Who connects from now on finds a primary; who is connected, a standby.
    name = address.rpartition("/")[2]
    always = "SET default_transaction_read_only"
    postgresql.run_sql(f"ALTER DATABASE {name} {always} = off")
    try:
        postgresql.run_sql(f"ALTER SYSTEM {always} = on")
        postgresql.run_sql("SELECT pg_reload_conf()")
        async with asyncio.timeout(20):
            with pytest.raises(StoreUnavailable, match="in a read-only transaction"):
                await ingest_for_ever(store)
            assert await store.ingest([record("use-new")]) == 1
    finally:
        postgresql.run_sql("ALTER SYSTEM RESET default_transaction_read_only")
        postgresql.run_sql("SELECT pg_reload_conf()")
        await database.close()
