"""Some fields of a tenant are changed, and nothing else of it."""

import pytest

from deployments.api_key import key_sha256

ACME = "/admin/v1/tenants/acme"
LISTED = [{"sha256": key_sha256("sk-own"), "name": "theirs"}]


async def stored(accounts):
    (acme,) = (await accounts.snapshot()).tenants
    return acme


@pytest.fixture
async def acme(client, accounts):
    body = {"alpha": 0.7, "max_budget": 5, "models": ["small"], "keys": LISTED}
    assert (await client.put(ACME, json=body)).status_code == 200
    await client.post(f"{ACME}/keys", json={"name": "laptop"})
    return await stored(accounts)


async def test_what_is_stated_is_changed_and_all_else_stays(client, accounts, acme):
    response = await client.patch(ACME, json={"rpm_limit": 10, "max_budget": 7})

    (change,) = response.json()["data"]
    assert change["fields"] == {
        "max_budget": {"before": 5, "after": 7},
        "rpm_limit": {"before": None, "after": 10},
    }
    after = await stored(accounts)
    assert after == acme.model_copy(update={"rpm_limit": 10, "max_budget": 7})
    assert len(after.keys) == 2


async def test_null_is_the_default_and_a_cost_tier_takes_the_place_of_alpha(
    client, accounts, acme
):
    await client.put("/admin/v1/cost_tiers/gold", json={"alpha": 1})
    body = {"max_budget": None, "models": None, "cost_tier": "gold"}
    assert (await client.patch(ACME, json=body)).status_code == 200

    after = await stored(accounts)
    assert (after.max_budget, after.models) == (None, None)
    assert (after.alpha, after.cost_tier) == (None, "gold")


async def test_nothing_stated_changes_nothing(client, acme):
    response = await client.patch(ACME, json={"id": "acme"})

    assert response.json()["data"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"rpm_limit": -1}, "rpm_limit"),
        ({"rpm": 1}, "rpm"),
        ({"keys": []}, "keys"),
        ({"id": "other"}, "id"),
        ({"models": ["none-such"]}, "models"),
        ({"byok": {"none-such": "KEY"}}, "byok"),
    ],
)
async def test_what_would_make_no_tenant_changes_nothing(
    client, accounts, acme, body, param
):
    response = await client.patch(ACME, json={"max_budget": 9, **body})

    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert await stored(accounts) == acme


async def test_one_that_is_not_stored_is_not_made(client):
    nobody = "/admin/v1/tenants/nobody"
    response = await client.patch(nobody, json={"alpha": 0.5})

    assert response.status_code == 404
    assert (await client.get(nobody)).status_code == 404
