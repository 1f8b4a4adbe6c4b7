"""What Ray runs of the Ledger."""

import pytest

from deployments.errors import InvalidRequest
from deployments.limits.ledger_replica import LedgerReplica
from tests.deployments.store.made import tenant

GOLD = tenant("g", cost_tier="gold", alpha=None)


@pytest.fixture
async def replica(tmp_path):
    made = LedgerReplica(f"sqlite:///{tmp_path / 'db'}", "NOT_SET", (), ["silver"])
    yield made
    await made._ledger._database.close()


async def test_a_server_s_password_must_be_set():
    with pytest.raises(ValueError, match="password_env: NOT_SET is not set"):
        LedgerReplica("postgresql://u@h/n", "NOT_SET", ())


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
    later = LedgerReplica(url, None, (), artifacts=artifacts)
    snapshot = await later.call("snapshot", 0)
    await later._ledger._database.close()

    assert set(snapshot.artifacts) == {"next"}
    assert [each.id for each in snapshot.tenants] == ["s"]


async def test_what_it_does_not_know_is_refused(replica):
    with pytest.raises(ValueError, match="tenants: not a setting"):
        await replica.reconfigure({"tenants": []})
