"""Tenants and usage on a real graph with the local configuration as it is: SQLite."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.integration.conftest import ADMIN_KEY, Served

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"
BODY = {"model": "auto", "messages": [{"role": "user", "content": "What is 6 × 7?"}]}


def until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def admin(served: Served) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    url = f"{served.url}/admin/v1"
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def client(served: Served, admin: httpx.Client) -> Iterator[httpx.Client]:
    """Of a tenant that is made, and known to the gateway, and deleted in the end."""
    assert admin.put("/cost_tiers/gold", json={"alpha": 1}).is_success
    tenant = {"cost_tier": "gold", "allowed_cost_tiers": ["gold"], "soft_budget": 0}
    assert admin.put("/tenants/new", json=tenant).is_success
    key = admin.post("/tenants/new/keys", json={}).json()["key"]
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=60) as made:
        until(lambda: made.get("/v1/models").is_success)
        yield made
    assert admin.delete("/tenants/new").is_success
    assert admin.delete("/cost_tiers/gold").is_success


def test_a_tier_and_a_tenant_of_the_admin_api_count_at_once(client, admin):
    answer = client.post(CHAT, json=BODY)
    refused = client.post(f"/tiers/economy{CHAT}", json=BODY)
    in_use = admin.delete("/cost_tiers/gold")

    assert answer.headers["x-routing-alpha"] == "1"
    assert refused.status_code == 403
    assert "Yours: gold." in refused.json()["error"]["message"]
    assert in_use.status_code == 400
    assert in_use.json()["error"]["message"] == "the cost tier 'gold' is in use by new."


def test_usage_is_kept_and_a_soft_budget_warns(client):
    assert client.post(CHAT, json=BODY).is_success

    until(lambda: client.get("/v1/usage").json()["data"])
    until(lambda: "x-budget-warning" in client.post(CHAT, json=BODY).headers)
    usage = client.get("/v1/usage").json()
    assert usage["total"]["cost_usd"] > 0
    assert usage["budget"]["soft_budget_reached"] is True


def test_readiness_tells_how_usage_fares(served):
    report = httpx.get(f"{served.url}/readyz", timeout=60).json()

    assert (report["ledger"], report["usage_journal"]) == ("reachable", "writable")
    assert report["usage_records_pending"] >= 0
