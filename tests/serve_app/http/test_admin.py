"""`/admin/v1` over HTTP, on the real Ledger with SQLite."""

import httpx
import pytest

from serve_app.http.admin_key import AdminKey
from serve_app.http.api import build_api
from tests.fakes import gateway
from tests.serve_app.http.administrator import KEY

TENANTS = "/admin/v1/tenants"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic admin-secret"])
async def test_without_the_admin_key_nothing_is_told(client, header):
    headers = {"authorization": header}
    read = await client.get(TENANTS, headers=headers)
    written = await client.put(f"{TENANTS}/x", content=b"{", headers=headers)

    assert (read.status_code, written.status_code) == (401, 401)
    assert read.json()["error"]["code"] == "invalid_api_key"


async def test_where_no_admin_key_is_set_there_are_no_such_paths():
    assert AdminKey.named(None, {"": "x"}) is None
    assert AdminKey.named("KEY", {"KEY": ""}) is None
    transport = httpx.ASGITransport(build_api(gateway()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as c:
        response = await c.get(TENANTS, headers=KEY)

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "path_not_found"


async def test_a_path_tells_all_methods_that_it_has(client):
    response = await client.post(f"{TENANTS}/acme", json={"alpha": 1})

    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, PATCH, PUT"


async def test_a_tenant_is_made_changed_and_deleted(client, accounts):
    made = await client.put(f"{TENANTS}/new", json={"cost_tier": "gold"})
    body = {"id": "new", "alpha": 0.2, "rpm_limit": 5}
    changed = await client.put(f"{TENANTS}/new", json=body)
    read = (await client.get(f"{TENANTS}/new")).json()
    deleted = await client.delete(f"{TENANTS}/new")

    assert [r.json()["data"][0]["kind"] for r in (made, changed, deleted)] == [
        "created",
        "changed",
        "deleted",
    ]
    assert changed.json()["data"][0]["fields"]["rpm_limit"] == {
        "before": None,
        "after": 5,
    }
    assert (read["object"], read["alpha"], read["cost_tier"]) == ("tenant", 0.2, None)
    assert [tenant.id for tenant in (await accounts.snapshot()).tenants] == ["acme"]


async def test_making_says_if_the_configurations_tenant_counts_no_more(client):
    made, changed, other = [
        (await client.put(f"{TENANTS}/{name}", json={"alpha": alpha})).json()
        for name, alpha in (("t", 0), ("t", 1), ("other", 0))
    ]

    assert made["data"][0]["kind"] == other["data"][0]["kind"] == "created"
    assert "The configuration has a tenant 't', too" in made["message"]
    assert "message" not in changed | other


async def test_deleting_says_if_the_configurations_tenant_counts_again(client):
    for name in ("t", "other"):
        await client.put(f"{TENANTS}/{name}", json={"alpha": 0})
    configured, other = [
        (await client.delete(f"{TENANTS}/{name}")).json() for name in ("t", "other")
    ]

    assert configured["data"][0]["kind"] == other["data"][0]["kind"] == "deleted"
    assert "The configuration has a tenant 't', too" in configured["message"]
    assert "message" not in other


async def test_the_same_again_changes_nothing(client):
    for expected in (1, 0):
        response = await client.put(f"{TENANTS}/new", json={"alpha": 0})
        assert len(response.json()["data"]) == expected


async def test_the_list_has_pages(client):
    for name in ("b", "c"):
        await client.put(f"{TENANTS}/{name}", json={"alpha": 0})
    first = (await client.get(TENANTS, params={"limit": 2})).json()
    last = (await client.get(TENANTS, params={"after": "b"})).json()
    whole = (await client.get(TENANTS, params={"limit": 3})).json()

    assert [tenant["id"] for tenant in first["data"]] == ["acme", "b"]
    assert [tenant["id"] for tenant in last["data"]] == ["c"]
    assert (first["has_more"], last["has_more"]) == (True, False)
    assert not whole["has_more"]


async def test_the_budget_of_the_present_period(client):
    state = (await client.get(f"{TENANTS}/acme/budget")).json()

    assert (state["object"], state["tenant"]) == ("budget", "acme")
    assert (state["max_budget"], state["spend"], state["left"]) == (2.0, 0.0, 2.0)
    assert state["start"] < state["end"]


@pytest.mark.parametrize(
    ("asked", "body", "param"),
    [
        ("PUT /tenants/x", b"{", None),
        ("PUT /tenants/x", b"[]", None),
        ("PUT /tenants/x", b"{}", None),
        ("PUT /tenants/x", b'{"alpha": 2}', "alpha"),
        ("PUT /tenants/x", b'{"alpha": 1, "id": "y"}', "id"),
        ("PUT /tenants/x%20y", b'{"alpha": 1}', "id"),
        ("PUT /tenants/x", b'{"alpha": 1, "keys": [{"env": 3}]}', "keys[0].env"),
        ("PUT /tenants/x", b'{"alpha": 1, "budget": 3}', "budget"),
        ("PUT /tenants/x", b'{"cost_tier": "silver"}', None),
        ("PUT /tenants/x", b'{"alpha": 1, "byok": {"fakee": "K"}}', "byok"),
        (
            "PUT /tenants/x",
            b'{"alpha": 1, "keys": [{"env": "A"}, {"env": "B", "models": ["nope"]}]}',
            "keys[1].models",
        ),
        ("GET /tenants?limit=0", b"", "limit"),
        ("GET /tenants?limit=x", b"", "limit"),
        ("GET /tenants?limit=" + "9" * 5000, b"", "limit"),
        ("POST /tenants/acme/keys", b'{"alpha": 0, "cost_tier": "gold"}', None),
        ("POST /tenants/acme/keys", b'{"rpm_limit": 0}', "rpm_limit"),
        (
            "PUT /tenants/new",
            b'{"alpha": 0, "rpm_limit": "%b"}' % (b"9" * 20),
            "rpm_limit",
        ),
        ("POST /tenants/acme/keys", b'{"models": ["nope"]}', "models"),
        ("POST /tenants/acme/keys", b'{"expires_at": "2020-01-01"}', "expires_at"),
        (
            "POST /tenants/acme/keys",
            b'{"expires_at": "9999-12-31T23:59:59-14:00"}',
            "expires_at",
        ),
        ("GET /usage?end=0001-01-05", b"", "end"),
        ("POST /tenants/acme/keys", b'{"cost_tier": "silver"}', None),
        ("POST /keys/x/rotate", b'{"grace_s": -1}', "grace_s"),
    ],
)
async def test_bad_requests_name_the_field_and_change_nothing(
    client, accounts, asked, body, param
):
    method, path = asked.split()
    version = await accounts.version()
    response = await client.request(method, f"/admin/v1{path}", content=body)

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param), error
    assert set(error) == {"message", "type", "param", "code"}
    assert await accounts.version() == version


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/tenants/x"),
        ("DELETE", "/tenants/x"),
        ("GET", "/tenants/x/budget"),
        ("GET", "/tenants/x/keys"),
        ("POST", "/tenants/x/keys"),
        ("POST", "/keys/x/revoke"),
        ("POST", "/keys/x/rotate"),
    ],
)
async def test_what_is_not_there(client, method, path):
    response = await client.request(method, f"/admin/v1{path}")

    assert response.status_code == 404
    assert "'x'" in response.json()["error"]["message"]


async def test_a_tenant_s_own_key_is_for_a_backend_that_there_is(client):
    body = {"alpha": 1, "byok": {"fake": "THEIR_KEY"}}
    response = await client.put(f"{TENANTS}/x", json=body)

    assert response.status_code == 200


async def test_a_body_that_is_too_large(client):
    response = await client.put(f"{TENANTS}/x", content=b" " * (2**20 + 1))

    assert response.status_code == 413
