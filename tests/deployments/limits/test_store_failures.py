"""Clients are not told where the database is; the log is."""

from dataclasses import replace

import pytest

from deployments.errors import InvalidRequest, Overloaded, ServingError
from deployments.limits import ledger_replica
from deployments.limits.ledger import Ledger
from deployments.limits.ledger_replica import LedgerReplica
from deployments.store.config import DatabaseConfig
from deployments.store.database import Database
from deployments.store.usage_query import UsageQuery
from tests.deployments.store.made import JULY, JUNE
from tests.postgresql import postgresql_server

QUERY = UsageQuery(JUNE, JULY, model="m")


def check_only_logged(error: ServingError, address: str, caplog) -> None:
    """The address, and what the driver says, stand in the log alone."""
    [line] = [r for r in caplog.records if r.name.endswith("limits.store_failures")]
    assert address in line.getMessage()
    for part in (address, "postgresql", "127.0.0.1", "encoding", "onnect call"):
        assert part not in error.message


async def test_a_value_that_does_not_fit(postgresql, caplog):
    database = Database(postgresql.new_database())
    ledger = Ledger(database)
    await ledger.open()
    with pytest.raises(InvalidRequest) as raised:
        await ledger.usage(replace(QUERY, model="\0"))
    await database.close()

    assert raised.value.message == "A value does not fit into the store."
    check_only_logged(raised.value, f"127.0.0.1:{postgresql.port}", caplog)


async def test_a_server_that_went_away(caplog):
    with postgresql_server() as server:
        database = Database(server.new_database())
        ledger = Ledger(database)
        await ledger.open()
        server.stop()
        for _ in range(3):
            with pytest.raises(Overloaded) as raised:
                await ledger.usage(QUERY)
        await database.close()

        last = raised.value
        assert (last.message, last.retry_after_s) == (
            "The store cannot be reached now.",
            5.0,
        )
        lines = [r.getMessage() for r in caplog.records if r.name.endswith("failures")]
        assert f"127.0.0.1:{server.port}" in lines[-1]
        assert len(lines) == len(set(lines)), "the same is said once"


async def test_a_server_that_was_never_there(monkeypatch, caplog):
    monkeypatch.setattr(ledger_replica, "_TRY_S", 0.0)
    monkeypatch.setenv("AVENGERS_DATABASE_PATIENCE_S", "0")
    config = DatabaseConfig(url="postgresql://me@127.0.0.1:1/usage")
    replica = LedgerReplica(config, ())
    with pytest.raises(Overloaded) as raised:
        await replica.call("usage", QUERY)
    with pytest.raises(ConnectionError, match=r"The store: .*127\.0\.0\.1:1/usage"):
        await replica.check_health()
    await replica._ledger._database.close()

    check_only_logged(raised.value, "me@127.0.0.1:1/usage", caplog)
