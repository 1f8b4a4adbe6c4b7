"""Keys by `/admin/v1`, and what they open afterwards."""

from datetime import UTC, datetime, timedelta

import pytest

from deployments.api_key import key_sha256
from deployments.errors import Unauthenticated
from deployments.store.accounts import Accounts
from serve_app.access.tenants import Directory
from tests.fakes import app_config

ACME = "/admin/v1/tenants/acme"


async def directory(accounts: Accounts) -> Directory:
    return Directory(app_config(), {}, await accounts.snapshot())


async def test_a_key_is_shown_once_and_opens_what_it_was_issued_for(client, accounts):
    terms = {"alpha": 0.7, "models": ["small"], "rpm_limit": 3}
    issued = await client.post(f"{ACME}/keys", json=terms)
    secret = issued.json()["key"]
    listed = await client.get(f"{ACME}/keys")
    read = await client.get(ACME)

    assert issued.headers["cache-control"] == "no-store"
    found = (await directory(accounts)).authenticate(f"Bearer {secret}")
    assert (found.id, found.alpha, found.models) == ("acme", 0.7, {"small"})
    assert found.key_id == issued.json()["id"] == listed.json()["data"][0]["id"]
    for later in (listed.text, read.text):
        assert secret not in later
        assert key_sha256(secret) not in later


async def test_a_rotated_key_opens_for_its_grace_and_a_revoked_one_nothing(
    client, accounts
):
    first = (await client.post(f"{ACME}/keys")).json()
    path, week = f"/admin/v1/keys/{first['id']}", timedelta(days=7)
    asked = {"grace_s": week.total_seconds()}
    second = (await client.post(f"{path}/rotate", json=asked)).json()
    now = await directory(accounts)

    end = now.authenticate(f"Bearer {first['key']}").key.expires_at
    assert week - timedelta(hours=1) < end - datetime.now(UTC) < week
    assert now.authenticate(f"Bearer {second['key']}").key_id == second["id"]
    revoked = await client.post(f"{path}/revoke")
    again = await client.post(f"{path}/revoke")
    assert (len(revoked.json()["data"]), again.json()["data"]) == (1, [])
    with pytest.raises(Unauthenticated, match="revoked"):
        (await directory(accounts)).authenticate(f"Bearer {first['key']}")


async def test_a_key_that_was_rotated_has_no_second_successor_that_would_end_with_it(
    client,
):
    path = f"/admin/v1/keys/{(await client.post(f'{ACME}/keys')).json()['id']}/rotate"
    first, again = [await client.post(path, json={"grace_s": 60}) for _ in "ab"]

    assert (first.status_code, again.status_code) == (200, 400)
    assert again.json()["error"]["code"] == "refused"
    assert "has been rotated: rotate the one in its" in again.json()["error"]["message"]
    assert len((await client.get(f"{ACME}/keys")).json()["data"]) == 2


async def test_a_key_for_a_tenant_of_the_configuration_is_refused_and_told_where(
    client,
):
    path = "/admin/v1/tenants/t/keys"  # the configuration's
    issued, read = await client.post(path), await client.get(path)

    for response in (issued, read):
        assert response.status_code == 404
        message = response.json()["error"]["message"]
        assert "no tenant 't' in the store; the configuration's are" in message


async def test_a_key_that_would_have_ended_already_is_not_issued(client):
    body = {"expires_at": "2020-01-01T00:00:00Z"}
    response = await client.post(f"{ACME}/keys", json=body)

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "expires_at")
    assert error["message"] == "expires_at: it has to be in the future."
