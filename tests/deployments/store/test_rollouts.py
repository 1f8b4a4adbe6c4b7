"""Artifacts and rollouts in the store."""

import pytest

from deployments.rollout import (
    GATEWAY,
    MOST_ARTIFACTS,
    Activate,
    Portion,
    Previous,
    RollBack,
    SetCanary,
    SetShadow,
    StoredArtifact,
    StoredRollout,
)
from deployments.store.accounts import Accounts
from deployments.store.errors import Missing, Refused
from deployments.store.rollouts import Rollouts
from deployments.store.snapshot import Change
from tests.deployments.store.made import fresh, tenant

HALF = Portion(artifact="a", percent=50)


@pytest.fixture
def accounts(database):
    return Accounts(database)


@pytest.fixture
async def rollouts(accounts):
    """With the artifacts `a` and `b`, and the tenant `t`."""
    made = Rollouts(accounts)
    for name in "ab":
        await made.put_artifact(artifact(name))
    await accounts.put_tenant(tenant())
    return made


def artifact(name: str, **changes: object) -> StoredArtifact:
    fields = {"name": name, "location": f"/artifacts/{name}", "artifact_id": name * 64}
    return StoredArtifact.model_validate(fields | changes)


async def stored(database, scope: str = GATEWAY) -> StoredRollout | None:
    return (await fresh(database)).rollouts.get(scope)


async def test_what_is_registered_is_read_again(rollouts, database):
    snapshot = await fresh(database)

    assert snapshot.artifacts == {"a": artifact("a"), "b": artifact("b")}
    assert snapshot.rollouts == {}


async def test_the_same_again_changes_nothing(rollouts):
    assert await rollouts.put_artifact(artifact("a")) == []
    [change] = await rollouts.put_artifact(artifact("a", location="s3://x/a"))
    assert change == Change(
        "changed", "a", {"location": ("/artifacts/a", "s3://x/a")}, "artifact"
    )


@pytest.mark.parametrize("scope", [GATEWAY, "t"])
@pytest.mark.parametrize("step", [SetCanary(None), SetShadow(None), Activate(None)])
async def test_what_is_not_there_is_ended_without_a_change(
    rollouts, database, scope, step
):
    version = (await fresh(database)).version

    assert await rollouts.roll(scope, step) == []
    assert await stored(database, scope) is None
    assert (await fresh(database)).version == version


async def test_a_rollback_goes_back_and_the_next_one_forth(rollouts, database):
    await rollouts.roll(GATEWAY, Activate("a"))
    await rollouts.roll(GATEWAY, Activate("b"))
    for active, previous in (("a", "b"), ("b", "a")):
        await rollouts.roll(GATEWAY, RollBack())
        assert await stored(database) == StoredRollout(
            active=active, previous=Previous(artifact=previous)
        )


async def test_the_first_rollback_goes_to_the_configured_one(rollouts, database):
    await rollouts.roll(GATEWAY, Activate("a"))
    await rollouts.roll(GATEWAY, RollBack())

    assert (await stored(database)).active is None
    with pytest.raises(Refused, match="nothing to roll back to"):
        await rollouts.roll("t", RollBack())


async def test_activating_a_canary_ends_it_and_leaves_the_shadow(rollouts, database):
    await rollouts.roll(GATEWAY, SetCanary(HALF))
    shadow = Portion(artifact="b", percent=100)
    await rollouts.roll(GATEWAY, SetShadow(shadow))
    await rollouts.roll(GATEWAY, Activate("a"))

    assert await stored(database) == StoredRollout(
        active="a", shadow=shadow, previous=Previous()
    )
    await rollouts.roll(GATEWAY, SetShadow(None))
    assert (await stored(database)).shadow is None


async def test_a_tenant_is_pinned_and_let_go_by_its_own_rollout(rollouts, database):
    await rollouts.roll("t", Activate("a"))
    assert (await fresh(database)).tenants[0].artifact == "a"
    assert await stored(database, "t") == StoredRollout(previous=Previous())

    await rollouts.roll("t", RollBack())
    assert (await fresh(database)).tenants[0].artifact is None
    assert await stored(database) is None


async def test_a_pin_that_a_file_changes_can_be_rolled_back_too(
    rollouts, accounts, database
):
    await accounts.put_tenant(tenant(artifact="a"))
    await accounts.put_tenant(tenant(artifact="b", name="T"))
    await rollouts.roll("t", RollBack())

    [found] = (await fresh(database)).tenants
    assert (found.artifact, found.name) == ("a", "T")


async def test_a_tenant_that_is_deleted_takes_its_rollout_along(
    rollouts, accounts, database
):
    await rollouts.roll("t", SetCanary(HALF))
    await accounts.delete_tenant("t")

    assert await stored(database, "t") is None
    await rollouts.delete_artifact("a")


@pytest.mark.parametrize(
    ("scope", "step", "message"),
    [
        (GATEWAY, Activate("x"), "there is no artifact 'x', only default, a, b"),
        ("t", Activate("x"), "artifact: there is no artifact 'x'"),
        (GATEWAY, SetCanary(Portion(artifact="x", percent=1)), "no artifact 'x'"),
        (GATEWAY, SetShadow(Portion(artifact="default", percent=1)), "active one"),
        ("t", SetCanary(Portion(artifact="default", percent=1)), "the active one"),
    ],
)
async def test_steps_that_make_no_sense_are_refused(
    rollouts, accounts, scope, step, message
):
    version = await accounts.version()
    with pytest.raises(Refused, match=message) as refused:
        await rollouts.roll(scope, step)

    assert refused.value.field == "artifact"
    assert await accounts.version() == version


async def test_an_unknown_tenant_has_no_rollout(rollouts):
    with pytest.raises(Missing, match="no tenant 'x'"):
        await rollouts.roll("x", Activate("a"))


async def test_a_tenant_cannot_be_pinned_to_what_is_not_there(accounts):
    with pytest.raises(Refused, match=r"tenants\.t\.artifact: there is no .* 'x'"):
        await accounts.put_tenant(tenant(artifact="x"))


@pytest.mark.parametrize(
    ("scope", "step", "user"),
    [
        (GATEWAY, Activate("a"), "the gateway"),
        ("t", Activate("a"), "tenant t"),
        (GATEWAY, SetCanary(HALF), "the canary of the gateway"),
        ("t", SetShadow(HALF), "the shadow of tenant t"),
    ],
)
async def test_what_is_in_use_is_neither_removed_nor_replaced(
    rollouts, scope, step, user
):
    await rollouts.roll(scope, step)

    with pytest.raises(Refused, match=f"'a' is in use by {user}"):
        await rollouts.delete_artifact("a")
    with pytest.raises(Refused, match=f"'a' is in use by {user}"):
        await rollouts.put_artifact(artifact("a", artifact_id="c" * 64))


async def test_what_is_removed_is_not_gone_back_to(rollouts, database):
    await rollouts.roll(GATEWAY, Activate("a"))
    await rollouts.roll(GATEWAY, Activate("b"))
    await rollouts.delete_artifact("a")

    assert await stored(database) == StoredRollout(active="b")
    with pytest.raises(Missing, match="no artifact 'a'"):
        await rollouts.delete_artifact("a")


async def test_another_one_under_its_name_is_not_gone_back_to(rollouts, database):
    for scope in (GATEWAY, "t"):
        await rollouts.roll(scope, Activate("a"))
        await rollouts.roll(scope, Activate("b"))
    moved = artifact("a", location="s3://x/a")
    await rollouts.put_artifact(moved)
    kept = await stored(database)
    await rollouts.put_artifact(artifact("a", artifact_id="c" * 64))

    assert kept == StoredRollout(active="b", previous=Previous(artifact="a"))
    assert await stored(database) == StoredRollout(active="b")
    for scope in (GATEWAY, "t"):
        with pytest.raises(Refused, match="nothing to roll back to"):
            await rollouts.roll(scope, RollBack())


async def test_names_and_numbers_are_bounded(rollouts):
    with pytest.raises(Refused, match="'default' is what the configuration's"):
        await rollouts.put_artifact(artifact("default"))
    for number in range(2, MOST_ARTIFACTS):
        await rollouts.put_artifact(artifact(f"n{number}"))
    with pytest.raises(Refused, match="16 artifacts already"):
        await rollouts.put_artifact(artifact("n16"))


async def test_what_the_configuration_declares_comes_and_goes(rollouts, database):
    await rollouts.declare({"c": "/c", "d": "/d"})
    with pytest.raises(Refused, match="the configuration declares 'c'"):
        await rollouts.delete_artifact("c")
    with pytest.raises(Refused, match="the configuration declares 'c'"):
        await rollouts.put_artifact(artifact("c"))
    await rollouts.roll(GATEWAY, Activate("d"))
    await rollouts.declare({})

    left = (await fresh(database)).artifacts
    assert set(left) == {"a", "b", "d"}
    assert left["d"] == StoredArtifact(name="d", location="/d"), "it is in use"
