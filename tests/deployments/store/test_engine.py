"""Connections that are given up, and what a pooler needs."""

import asyncio
import socket

from sqlalchemy import text

from deployments.store import engine
from deployments.store.database import Database
from deployments.store.usage_store import UsageStore
from tests.deployments.store.made import record
from tests.deployments.store.silent_proxy import SilentProxy

ONE = text("SELECT 1")


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
