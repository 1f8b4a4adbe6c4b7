"""What is read of the accounts can be sent back, with what is to be changed."""

import pytest

from deployments.api_key import key_sha256

ACME = "/admin/v1/tenants/acme"

LISTED = [
    {"sha256": key_sha256("sk-own"), "name": "theirs"},
    {"env": "TEAM_KEY"},
    {"env": "ONE_KEY", "id": "one"},
]


async def kept(accounts):
    """The tenant's keys by id, as the store has them."""
    (acme,) = (await accounts.snapshot()).tenants
    return {key.key_id: key for key in acme.keys}


async def test_a_tenant_that_was_read_is_sent_back_with_one_field_changed(
    client, accounts
):
    body = {"alpha": 0.7, "max_budget": 5, "metadata": {"a": "b"}, "keys": LISTED}
    await client.put(ACME, json=body)
    await client.post(f"{ACME}/keys", json={"name": "laptop", "rpm_limit": 5})
    before = await kept(accounts)
    shown = (await client.get(ACME)).json()
    response = await client.put(ACME, json={**shown, "rpm_limit": 10})

    assert response.status_code == 200
    (change,) = response.json()["data"]
    assert change["fields"] == {"rpm_limit": {"before": None, "after": 10}}
    assert await kept(accounts) == before
    assert len(before) == 4


async def test_a_key_is_changed_by_its_id_and_an_issued_one_stays_issued(
    client, accounts
):
    id = (await client.post(f"{ACME}/keys")).json()["id"]
    shown = (await client.get(ACME)).json()
    shown["keys"][0]["rpm_limit"] = 3
    await client.put(ACME, json=shown)
    assert (await kept(accounts))[id].rpm_limit == 3
    await client.put(ACME, json={"alpha": 0.5})

    assert list(await kept(accounts)) == [id]


@pytest.mark.parametrize(
    "key", [{"id": "no-such"}, {"id": "one", "env": "OTHER"}, "one", {"id": ["one"]}]
)
async def test_what_was_never_shown_is_judged_as_it_is(client, key):
    await client.put(ACME, json={"alpha": 0.7, "keys": LISTED})
    response = await client.put(ACME, json={"alpha": 0.7, "keys": [key]})

    other = isinstance(key, dict) and "env" in key
    assert response.status_code == (200 if other else 400)


async def test_a_cost_tier_that_was_read_is_sent_back_changed(client):
    path = "/admin/v1/cost_tiers/mine"
    await client.put(path, json={"alpha": 0.3, "models": ["small"]})
    shown = (await client.get(path)).json()
    response = await client.put(path, json={**shown, "alpha": 0.4})

    assert response.status_code == 200
    assert [*response.json()["data"][0]["fields"]] == ["alpha"]
    assert (await client.put(path, json={**shown, "name": "x"})).status_code == 400
