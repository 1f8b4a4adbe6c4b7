"""Tenants, keys and tiers in SQL."""

import pytest
from sqlalchemy import text

from deployments.api_key import key_sha256
from deployments.store.accounts import Accounts
from deployments.store.errors import Missing, Refused
from deployments.store.snapshot import Change, Snapshot
from deployments.tenancy import CostTier, TenantConfig
from tests.deployments.store.made import JUNE, fresh, tenant

TIERS = {
    "economy": CostTier(alpha=0.2),
    "gold": CostTier.model_validate(
        {"alpha": 0.9, "models": ["b", "a"], "max_price": {"input_usd_per_token": 1e-6}}
    ),
}
DIGEST = key_sha256("sk-av-a")
FULL = TenantConfig.model_validate(
    {
        "id": "full",
        "name": "Größe GmbH",
        "cost_tier": "gold",
        "allowed_cost_tiers": ["gold", "economy"],
        "models": ["b", "a"],
        "default_model": "a",
        "reference_model": "b",
        "byok": {"openrouter": "THEIR_KEY"},
        "metadata": {"crm": "17"},
        "max_budget": 10.5,
        "soft_budget": 8,
        "budget_duration": "7d",
        "budget_timezone": "Europe/Berlin",
        "rpm_limit": 600,
        "tpm_limit": 10**6,
        "max_parallel_requests": 20,
        "artifact": "default",
        "keys": [
            {
                "sha256": DIGEST,
                "id": "ci",
                "name": "CI",
                "expires_at": "2027-01-01T00:00:00Z",
                "alpha": 0.1,
                "models": ["a"],
                "rpm_limit": 1,
            },
            {"env": "FULL_KEY", "cost_tier": "economy"},
        ],
    }
)


@pytest.fixture
def accounts(database):
    return Accounts(database, clock=lambda: JUNE)


async def test_at_first_there_is_nothing(accounts):
    assert await accounts.snapshot() == Snapshot(1, (), {})


async def test_what_is_applied_is_read_again(accounts, database):
    await accounts.apply([FULL, tenant()], TIERS)

    assert await fresh(database) == Snapshot(2, (FULL, tenant()), TIERS)
    assert await accounts.snapshot() == await fresh(database)
    assert await accounts.tenant("full") == FULL


async def test_applying_again_changes_nothing(accounts, database):
    await accounts.apply([FULL], TIERS)

    assert await accounts.apply([FULL], TIERS) == []
    assert await Accounts(database).apply([FULL], TIERS) == []
    assert await accounts.version() == 2


async def test_the_changes_are_told(accounts):
    assert await accounts.apply([tenant(), tenant("u")], {"gold": TIERS["gold"]}) == [
        Change(
            "created",
            "gold",
            {
                "alpha": (None, 0.9),
                "models": (None, ["a", "b"]),
                "max_price": (None, {"input_usd_per_token": 1e-6}),
            },
            of="cost_tier",
        ),
        Change("created", "t", {"alpha": (None, 0.5)}),
        Change("created", "u", {"alpha": (None, 0.5)}),
    ]
    wanted = tenant(alpha=None, cost_tier="gold", keys=[{"env": "K"}])

    assert await accounts.apply([wanted], prune=True) == [
        Change(
            "changed",
            "t",
            {
                "alpha": (0.5, None),
                "cost_tier": (None, "gold"),
                "keys.env:K": (None, {"env": "K"}),
            },
        ),
        Change("deleted", "u", {"alpha": (0.5, None)}),
    ]


async def test_a_dry_run_tells_and_changes_nothing(accounts, database):
    [change] = await accounts.apply([tenant()], dry_run=True)

    assert (change.kind, change.id) == ("created", "t")
    assert await fresh(database) == Snapshot(1, (), {})


async def test_what_a_dry_run_told_is_not_taken_for_what_there_is(accounts, database):
    await accounts.apply([tenant()], dry_run=True)
    await accounts.apply([tenant("u")])

    assert await accounts.snapshot() == await fresh(database)
    assert await fresh(database) == Snapshot(2, (tenant("u"),), {})


async def test_without_prune_others_stay(accounts):
    await accounts.apply([tenant(), tenant("u")], TIERS)
    await accounts.put_tenant(tenant(alpha=1))

    snapshot = await accounts.snapshot()
    assert snapshot.tenants == (tenant(alpha=1), tenant("u"))
    assert snapshot.cost_tiers == TIERS


async def test_pruning_without_tiers_stated_leaves_them(accounts):
    await accounts.apply([tenant()], TIERS)
    await accounts.apply([], prune=True)

    assert await accounts.snapshot() == Snapshot(3, (), TIERS)


@pytest.mark.parametrize(
    ("tenants", "tiers", "what"),
    [
        ([tenant(), tenant()], None, "tenants.t: listed twice"),
        (
            [tenant(alpha=None, cost_tier="x")],
            None,
            "tenants.t: cost tier 'x' is not defined",
        ),
        (
            [tenant(keys=[{"env": "K", "cost_tier": "x"}])],
            None,
            "cost tier 'x' is not defined",
        ),
        ([tenant(allowed_cost_tiers=["x"])], None, "cost tier 'x' is not defined"),
        (
            [tenant(), tenant("u", keys=[{"sha256": DIGEST}])],
            None,
            "tenants.u.keys: 'ba9ffcebba1f' is a key of tenant 'full' already",
        ),
        (
            [tenant(keys=[{"env": "K", "id": "ci"}])],
            None,
            "tenants.t.keys: 'ci' is a key of tenant 'full' already",
        ),
        (
            [tenant(keys=[{"env": "K"}, {"env": "K", "id": "k"}])],
            None,
            "tenants.t.keys: 'k' is a key of tenant 't' already",
        ),
    ],
)
async def test_what_contradicts_itself_is_refused_whole(accounts, tenants, tiers, what):
    await accounts.apply([FULL], TIERS)
    before = await accounts.snapshot()

    with pytest.raises(Refused) as raised:
        await accounts.apply([tenant("first"), *tenants], tiers)

    assert what.replace("ba9ffcebba1f", DIGEST[:12]) in str(raised.value)
    assert await accounts.snapshot() == before


async def test_a_tier_that_is_configured_no_more_bars_no_other_change(accounts):
    accounts.configure(["gone"])
    await accounts.put_tenant(tenant(alpha=None, cost_tier="gone"))
    issued = await accounts.issue_key("t")
    accounts.configure([])

    await accounts.revoke_key(issued.key.key_id)
    await accounts.put_tenant(tenant("u"))
    with pytest.raises(Refused, match=r"tenants\.u: cost tier 'gone' is not defined$"):
        await accounts.put_tenant(tenant("u", alpha=None, cost_tier="gone"))


async def test_a_tier_in_use_cannot_be_pruned(accounts):
    await accounts.apply([tenant(alpha=None, cost_tier="gold")], TIERS)

    with pytest.raises(Refused, match="'gold' is not defined"):
        await accounts.apply(
            [tenant(alpha=None, cost_tier="gold")], {"x": TIERS["gold"]}, prune=True
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda accounts: accounts.tenant("x"),
        lambda accounts: accounts.delete_tenant("x"),
        lambda accounts: accounts.issue_key("x"),
        lambda accounts: accounts.revoke_key("x"),
        lambda accounts: accounts.rotate_key("x"),
    ],
)
async def test_what_there_is_not(accounts, ask):
    with pytest.raises(Missing, match=r"there is no \w+ 'x'"):
        await ask(accounts)


async def test_a_deleted_tenant_takes_its_keys_along(accounts, database):
    await accounts.apply([FULL], TIERS)
    [change] = await accounts.delete_tenant("full")

    assert (change.kind, "keys.ci" in change.fields) == ("deleted", True)
    async with database.reading() as connection:
        count = await connection.execute(text("SELECT count(*) FROM api_keys"))
    assert count.scalar_one() == 0


async def test_of_two_who_create_the_same_tenant_one_is_refused(database):
    first, second = Accounts(database), Accounts(database)
    await second.snapshot()
    await first.create_tenant(tenant(max_budget=1.0))

    with pytest.raises(Refused, match="there is a tenant 't' already"):
        await second.create_tenant(tenant(max_budget=9.0))
    assert (await second.tenant("t")).max_budget == 1.0
