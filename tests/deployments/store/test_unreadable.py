"""Rows that make no sense, as a newer release or a hand leaves them: shut, no more."""

from typing import Any

import pytest
from sqlalchemy import Table, select, update

from deployments.api_key import key_sha256
from deployments.rollout import GATEWAY, Activate, StoredArtifact, StoredRollout
from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.errors import Refused
from deployments.store.rollouts import Rollouts
from deployments.store.tables import (
    api_keys,
    artifacts,
    cost_tiers,
    directory,
    rollouts,
    tenants,
)
from deployments.tenancy import CostTier, TenantConfig
from tests.deployments.store.made import fresh, tenant

DIGEST = key_sha256("sk-av-t")
NEWER = {"id": "t", "alpha": 0.5, "colour": "red"}


@pytest.fixture
async def accounts(database) -> Accounts:
    made = Accounts(database)
    both = [tenant("a"), tenant("t", keys=[{"sha256": DIGEST, "id": "k"}])]
    await made.apply(both, {"gold": CostTier(alpha=1)})
    return made


async def leave(database: Database, table: Table, document: Any) -> None:
    """In the row of the table that is not the tenant `a`'s."""
    async with database.writing() as connection:
        await connection.execute(update(directory).values(version=9))
        await connection.execute(
            update(tenants).where(tenants.c.id == "t").values(version=9)
        )
        [key] = table.primary_key
        row = update(table).where(key != "a")
        await connection.execute(row.values(document=document))


async def only_of_a(database: Database) -> TenantConfig:
    """The tenant `a` as stored, with `t` shut beside it."""
    a, shut = (await fresh(database)).tenants
    assert (shut.id, shut.keys, shut.max_budget) == ("t", (), 0)
    return a


@pytest.mark.parametrize("document", [NEWER, {"id": "t", "alpha": 7}, []])
async def test_a_tenant_that_cannot_be_read_opens_nothing(
    accounts, database, document, caplog
):
    await leave(database, tenants, document)

    assert await only_of_a(database) == tenant("a")
    assert "tenant 't' is refused, as it cannot be read: stored as 't'" in caplog.text


async def test_such_tenants_are_counted_until_they_are_gone(accounts, database):
    assert accounts.unreadable == 0
    await leave(database, tenants, NEWER)
    await accounts.snapshot()
    assert accounts.unreadable == 1

    await accounts.delete_tenant("t")
    assert accounts.unreadable == 0


async def test_what_is_wrong_is_named(accounts, database):
    await leave(database, tenants, NEWER)

    *_, shut = (await fresh(database)).tenants
    assert shut.name.startswith("cannot be read: stored as 't': colour: Extra inputs")


async def test_nor_does_one_with_a_key_that_cannot_be_read(accounts, database):
    await leave(database, api_keys, {"sha256": DIGEST, "id": "k", "colour": "red"})

    assert await only_of_a(database) == tenant("a")


async def test_who_knew_it_before_is_told(accounts, database):
    known = await accounts.snapshot()
    await leave(database, tenants, NEWER)

    change = (await accounts.snapshot()).after(known)
    assert [(each.id, each.keys) for each in change.tenants] == [("t", ())]


async def test_its_rows_stay_as_they_are_when_others_change(accounts, database):
    await leave(database, tenants, NEWER)

    await accounts.issue_key("a")

    async with database.reading() as connection:
        stored = select(tenants.c.document).where(tenants.c.id == "t")
        keys = select(api_keys.c.sha256).where(api_keys.c.tenant_id == "t")
        assert (await connection.execute(stored)).scalar_one() == NEWER
        assert (await connection.execute(keys)).scalar_one() == DIGEST


async def test_it_is_not_written_over(accounts, database):
    await leave(database, tenants, NEWER)

    for change in (
        accounts.put_tenant(tenant("t")),
        accounts.issue_key("t"),
        accounts.edit_tenant("t", lambda config: config),
        accounts.tenant("t"),
    ):
        with pytest.raises(Refused, match="'t' cannot be read, so it can only be del"):
            await change


async def test_it_can_be_deleted_and_made_anew(accounts, database):
    await leave(database, tenants, NEWER)

    await accounts.delete_tenant("t")
    await accounts.put_tenant(tenant("t"))

    assert (await fresh(database)).tenants == (tenant("a"), tenant("t"))


async def test_a_file_that_does_not_list_it_prunes_it(accounts, database):
    await leave(database, tenants, NEWER)

    await accounts.apply([tenant("a")], prune=True)

    assert (await fresh(database)).tenants == (tenant("a"),)


async def test_a_cost_tier_that_cannot_be_read_has_no_models(accounts, database):
    await leave(database, cost_tiers, {"alpha": 1, "colour": "red"})

    assert (await fresh(database)).cost_tiers["gold"].models == frozenset()

    await accounts.put_cost_tier("gold", CostTier(alpha=1))
    assert (await fresh(database)).cost_tiers == {"gold": CostTier(alpha=1)}


async def test_one_whose_artifact_is_gone_holds_up_no_other(accounts, database):
    """It may have been deleted while the tenant that is pinned to it was shut."""
    await leave(database, tenants, {"id": "t", "alpha": 0.5, "artifact": "gone"})

    await accounts.put_tenant(tenant("b"))

    assert [each.id for each in (await fresh(database)).tenants] == ["a", "b", "t"]


async def test_an_artifact_and_a_rollout_that_cannot_be_read_decide_nothing(
    accounts, database
):
    kept = Rollouts(accounts)
    await kept.put_artifact(StoredArtifact(name="next", location="/next"))
    await kept.roll(GATEWAY, Activate("next"))
    for table in (artifacts, rollouts):
        await leave(database, table, {"location": "/next", "colour": "red"})

    snapshot = await fresh(database)
    assert snapshot.rollouts == {GATEWAY: StoredRollout()}
    assert snapshot.artifacts["next"].location != "/next"

    await accounts.snapshot()
    await kept.roll(GATEWAY, Activate("next"))
    assert (await fresh(database)).rollouts[GATEWAY].active == "next"
