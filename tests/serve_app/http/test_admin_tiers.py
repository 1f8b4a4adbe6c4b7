"""`/admin/v1/cost_tiers` over HTTP, on the real Ledger with SQLite."""

from collections.abc import AsyncIterator

import httpx
import pytest

from deployments.limits.ledger import Ledger
from deployments.store.database import Database
from serve_app.gateway import Gateway
from tests.fakes import gateway
from tests.serve_app.http.administrator import administrator

TIERS, TENANTS = "/admin/v1/cost_tiers", "/admin/v1/tenants"


@pytest.fixture
def made() -> Gateway:
    return gateway()  # its configuration has the tiers economy and narrow


@pytest.fixture
async def ledger(tmp_path, made) -> AsyncIterator[Ledger]:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    ledger = Ledger(database, tiers=[*made.directory.settings.cost_tiers])
    await ledger.open()
    yield ledger
    await database.close()


@pytest.fixture
async def client(ledger, made) -> AsyncIterator[httpx.AsyncClient]:
    async with administrator(ledger, made) as client:
        yield client


async def names(client: httpx.AsyncClient) -> dict[str, str]:
    data = (await client.get(TIERS)).json()["data"]
    return {tier["name"]: tier["source"] for tier in data}


async def test_a_tier_is_made_read_changed_and_deleted(client, ledger, made):
    created = await client.put(f"{TIERS}/gold", json={"alpha": 1})
    changed = await client.put(
        f"{TIERS}/gold", json={"alpha": 0.8, "models": ["small"]}
    )
    read = (await client.get(f"{TIERS}/gold")).json()
    made.take(await ledger.snapshot(0))
    known = made.directory.cost_tiers["gold"]
    deleted = await client.delete(f"{TIERS}/gold")

    answers = [r.json()["data"][0] for r in (created, changed, deleted)]
    assert [a["kind"] for a in answers] == ["created", "changed", "deleted"]
    assert {a["of"] for a in answers} == {"cost_tier"}
    assert (read["alpha"], read["models"], read["source"]) == (0.8, ["small"], "store")
    assert known.alpha == 0.8
    assert (await client.get(f"{TIERS}/gold")).status_code == 404


async def test_tiers_of_the_configuration_are_listed_and_may_be_overruled(client):
    assert await names(client) == {
        "economy": "configuration",
        "narrow": "configuration",
    }
    await client.put(f"{TIERS}/economy", json={"alpha": 0})

    assert (await names(client))["economy"] == "store"
    assert (await client.delete(f"{TIERS}/economy")).status_code == 200
    assert (await client.delete(f"{TIERS}/narrow")).status_code == 404


@pytest.mark.parametrize(
    "tenant",
    [
        {"cost_tier": "gold"},
        {"alpha": 0, "allowed_cost_tiers": ["gold"]},
        {"alpha": 0, "keys": [{"env": "K", "cost_tier": "gold"}]},
    ],
)
async def test_a_tier_in_use_is_not_deleted(client, tenant):
    await client.put(f"{TIERS}/gold", json={"alpha": 1})
    await client.put(f"{TENANTS}/acme", json=tenant)
    refused = await client.delete(f"{TIERS}/gold")
    await client.delete(f"{TENANTS}/acme")

    assert refused.status_code == 400
    said = "the cost tier 'gold' is in use by acme."
    assert refused.json()["error"]["message"] == said
    assert (await client.delete(f"{TIERS}/gold")).status_code == 200


async def test_a_tenant_may_be_of_a_tier_of_the_configuration(client):
    known = await client.put(f"{TENANTS}/a", json={"cost_tier": "economy"})
    unknown = await client.put(f"{TENANTS}/b", json={"cost_tier": "gold"})

    assert (known.status_code, unknown.status_code) == (200, 400)
    assert "cost tier 'gold' is not defined" in unknown.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (f"{TIERS}/gold", {}, "alpha"),
        (f"{TIERS}/gold", {"alpha": 2}, "alpha"),
        (f"{TIERS}/gold", {"alpha": 1, "models": ["no-such"]}, "models"),
        (f"{TIERS}/gold", {"alpha": 1, "max_price": {"x": 1}}, "max_price.x"),
        (f"{TIERS}/a%20b", {"alpha": 1}, "name"),
        (f"{TENANTS}/a", {"alpha": 1, "default_model": "no-such"}, "default_model"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(client, path, body, param):
    response = await client.put(path, json=body)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
