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
    with pytest.raises(KeyError, match="NOT_SET"):
        LedgerReplica("postgresql://u@h/n", "NOT_SET", ())


async def test_tiers_come_by_user_config_and_go_with_it(replica):
    replica.reconfigure({"cost_tiers": {"gold": {"alpha": 1}}})
    assert await replica.call("put_tenant", GOLD)

    replica.reconfigure({})
    with pytest.raises(InvalidRequest, match="gold"):
        await replica.call("put_tenant", tenant("h", cost_tier="gold", alpha=None))


async def test_what_it_does_not_know_is_refused(replica):
    with pytest.raises(ValueError, match="tenants: not a setting"):
        replica.reconfigure({"tenants": []})
