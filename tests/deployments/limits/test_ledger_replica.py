"""What Ray runs of the Ledger."""

import asyncio

import pytest

from deployments.errors import InvalidRequest
from deployments.limits import ledger_replica
from deployments.limits.ledger_replica import LedgerReplica
from deployments.store.config import DatabaseConfig
from deployments.store.errors import Denied, StoreUnavailable
from tests.deployments.store.made import tenant

GOLD = tenant("g", cost_tier="gold", alpha=None)


@pytest.fixture
async def replica(tmp_path):
    url = f"sqlite:///{tmp_path / 'db'}"
    config = DatabaseConfig(url=url, password_env="NOT_SET")
    made = LedgerReplica(config, (), ["silver"])
    yield made
    await made._ledger._database.close()


async def test_a_server_s_password_must_be_set():
    config = DatabaseConfig(url="postgresql://u@h/n", password_env="NOT_SET")

    with pytest.raises(ValueError, match="password_env: NOT_SET is not set"):
        LedgerReplica(config, ())


async def test_the_address_is_read_where_it_runs(tmp_path, monkeypatch):
    config = DatabaseConfig(url_env="WHERE")
    with pytest.raises(ValueError, match="url_env: WHERE is not set"):
        LedgerReplica(config, ())

    monkeypatch.setenv("WHERE", f"sqlite:///{tmp_path / 'db'}")
    made = LedgerReplica(config, ())
    await made.check_health()
    await made._ledger._database.close()
    assert (tmp_path / "db").is_file()


async def test_tiers_come_by_user_config_and_go_with_it(replica):
    await replica.reconfigure({"cost_tiers": {"gold": {"alpha": 1}}})
    assert await replica.call("put_tenant", GOLD)

    await replica.reconfigure({})
    with pytest.raises(InvalidRequest, match="gold"):
        await replica.call("put_tenant", tenant("h", cost_tier="gold", alpha=None))


@pytest.mark.parametrize("opened_before", [True, False])
async def test_artifacts_come_by_user_config_and_go_with_it(replica, opened_before):
    if opened_before:
        await replica.check_health()
    await replica.reconfigure({"artifacts": {"next": "s3://bucket/next"}})
    known = (await replica.call("snapshot", 0)).artifacts
    assert known["next"].location == "s3://bucket/next"

    await replica.reconfigure({})
    assert (await replica.call("snapshot", 0)).artifacts == {}


async def test_it_starts_though_a_tenant_s_tier_is_configured_no_more(
    replica, tmp_path
):
    await replica.call("put_tenant", tenant("s", cost_tier="silver", alpha=None))
    url, artifacts = f"sqlite:///{tmp_path / 'db'}", {"next": "/next"}
    later = LedgerReplica(DatabaseConfig(url=url), (), artifacts=artifacts)
    snapshot = await later.call("snapshot", 0)
    await later._ledger._database.close()

    assert set(snapshot.artifacts) == {"next"}
    assert [each.id for each in snapshot.tenants] == ["s"]


@pytest.fixture
def away(replica, monkeypatch):
    """Makes the database raise so often what it is given, before it is there."""

    def make(error: StoreUnavailable, times: int) -> None:
        opened, left = replica._ledger.open, [error] * times

        async def open(*, patience_s: float) -> None:
            if left:
                raise left.pop()
            await opened(patience_s=patience_s)

        monkeypatch.setattr(replica._ledger, "open", open)

    return make


async def test_a_start_waits_until_the_database_is_there(replica, away, caplog):
    """Serve gives up for good after three starts that failed."""
    away(StoreUnavailable("refused"), 5)

    await replica.check_health()

    assert caplog.text.count("starts when the database is there: refused") == 5
    assert (await replica.call("snapshot", 0)).tenants == ()


async def test_a_start_that_somebody_waits_for_fails_soon(tmp_path, monkeypatch):
    monkeypatch.setenv("AVENGERS_DATABASE_PATIENCE_S", "0")
    monkeypatch.setattr(ledger_replica, "_TRY_S", 0.0)
    made = LedgerReplica(DatabaseConfig(url=f"sqlite:///{tmp_path}"), ())

    with pytest.raises(ConnectionError, match="The store: sqlite:"):
        await made.check_health()
    await made._ledger._database.close()


@pytest.mark.parametrize("stated", ["soon", "-1", "nan", ""])
def test_a_patience_that_is_none_is_named(tmp_path, monkeypatch, stated):
    monkeypatch.setenv("AVENGERS_DATABASE_PATIENCE_S", stated)

    with pytest.raises(ValueError, match="AVENGERS_DATABASE_PATIENCE_S: not a number"):
        LedgerReplica(DatabaseConfig(url=f"sqlite:///{tmp_path}/a.db"), ())


async def test_a_database_that_lets_nobody_in_is_told_at_once(replica, away):
    away(Denied("password authentication failed"), 1)

    with pytest.raises(ConnectionError, match="The store: password"):
        await replica.check_health()


async def test_what_it_does_not_know_is_refused(replica):
    with pytest.raises(ValueError, match="tenants: not a setting"):
        await replica.reconfigure({"tenants": []})


async def test_an_edit_while_the_database_is_away_ends_no_ledger(replica, monkeypatch):
    """Serve ends a replica that raises here, and none can take its place meanwhile."""
    await replica.check_health()
    rollouts = replica._ledger._rollouts
    declare, tries = rollouts.declare, [StoreUnavailable("gone")] * 3

    async def away_at_first(artifacts):
        if tries:
            raise tries.pop()
        return await declare(artifacts)

    monkeypatch.setattr(rollouts, "declare", away_at_first)
    monkeypatch.setattr(ledger_replica, "_AGAIN_S", 0.0)
    await replica.reconfigure(
        {"cost_tiers": {"gold": {"alpha": 1}}, "artifacts": {"next": "s3://b/next"}}
    )

    assert await replica.call("put_tenant", GOLD)
    await asyncio.wait_for(replica._declaring, 10)
    assert set((await replica.call("snapshot", 0)).artifacts) == {"next"}
