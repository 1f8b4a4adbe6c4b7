"""`GET /admin/v1/usage`: by tenant, each against its own reference model."""

import time as clock
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import httpx
import pytest

from deployments.limits.ledger import Ledger
from deployments.store.database import Database
from serve_app.http import admin_usage
from tests.deployments.store.made import record
from tests.fakes import CATALOG, gateway
from tests.serve_app.http.administrator import administrator

PRICE = {"input_usd_per_token": 0.05, "output_usd_per_token": 0.1}
USAGE = "/admin/v1/usage"


@pytest.fixture
async def client(tmp_path) -> AsyncIterator[httpx.AsyncClient]:
    """Two tenants with a request each; one of them has a reference model."""
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    ledger = Ledger(database)
    await ledger.open()
    made = [record(f"use-{name}", tenant=name, cost_usd=1.0) for name in "ab"]
    await ledger.ingest([replace(each, at=clock.time() - 5) for each in made])
    models = [{**model, "price": PRICE} for model in CATALOG]
    tenants = [{"id": "a", "alpha": 0, "reference_model": "large"}]
    served = gateway(catalog={"models": models}, tenants=tenants)
    async with administrator(ledger, served) as client:
        yield client
    await database.close()


async def test_usage_is_told_by_tenant_with_the_savings_of_each(client):
    report = (await client.get(USAGE, params={"by": "tenant"})).json()
    rows = {row["tenant"]: row for row in report["data"]}

    saved = rows["a"]["savings"]
    assert saved["estimate"] is True
    assert saved["savings_usd"] == saved["reference_cost_usd"] - 1.0
    assert rows["b"]["savings"]["savings_usd"] is None
    assert report["total"]["cost_usd"] == 2.0
    assert report["total"]["savings"] == saved


async def test_a_list_may_be_written_as_the_same_name_again(client):
    report = (await client.get(USAGE, params={"by": ["tenant", "model"]})).json()
    two = await client.get(USAGE, params={"tenant": ["a", "b"]})

    assert report["by"] == ["tenant", "model"]
    assert [row["tenant"] for row in report["data"]] == ["a", "b"]
    assert (two.status_code, two.json()["error"]["param"]) == (400, "tenant")


async def test_one_tenant_is_told_by_day_and_model(client):
    params = {"by": "day,model", "tenant": "b"}
    report = (await client.get(USAGE, params=params)).json()

    assert len(report["data"]) == 1
    assert report["data"][0]["cost_usd"] == 1.0


async def test_what_makes_no_sense_is_refused_and_strangers_are_told_nothing(client):
    bad = await client.get(USAGE, params={"by": "colour"})
    stranger = await client.get(USAGE, headers={"authorization": "Bearer x"})

    assert (bad.status_code, stranger.status_code) == (400, 401)
    assert bad.json()["error"]["param"] == "by"


async def test_the_last_30_days_are_whole_days_of_the_zone_that_is_asked_for(client):
    report = (await client.get(USAGE, params={"timezone": "Asia/Tokyo"})).json()
    start = datetime.fromisoformat(report["start"]).astimezone(ZoneInfo("Asia/Tokyo"))
    unknown = await client.get(USAGE, params={"timezone": "Mars"})

    assert start.time() == time(0, 0)
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (400, "timezone")


async def test_of_one_tenant_all_rows_are_held_against_its_reference_model(client):
    params = {"by": "model", "tenant": "a"}
    report = (await client.get(USAGE, params=params)).json()

    (row,) = report["data"]
    savings = row["savings"]
    assert savings["savings_usd"] == savings["reference_cost_usd"] - 1.0


async def test_a_page_of_tenants_says_whether_there_are_more(client):
    first = (await client.get(USAGE, params={"by": "day,tenant", "limit": 1})).json()
    params = {"by": "tenant", "limit": 1, "after": first["last_id"]}
    last = (await client.get(USAGE, params=params)).json()

    assert [row["tenant"] for row in first["data"]] == ["a"]
    assert (first["has_more"], first["total"]["cost_usd"]) == (True, 1.0)
    assert [row["tenant"] for row in last["data"]] == ["b"]
    assert (last["has_more"], last["last_id"]) == (False, "b")


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"by": "tenant", "limit": 0}, "limit"),
        ({"by": "tenant", "limit": "9" * 5000}, "limit"),
        ({"by": "tenant", "after": "a"}, "after"),
        ({"by": "tenant", "limit": 1, "after": "\0"}, "after"),
        ({"by": "day", "limit": 1}, "limit"),
    ],
)
async def test_a_page_that_makes_no_sense_is_refused(client, params, param):
    refused = await client.get(USAGE, params=params)

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


async def test_a_report_of_more_rows_than_are_made_is_refused(client, monkeypatch):
    monkeypatch.setattr(admin_usage, "MOST_ROWS", 1)

    whole = await client.get(USAGE, params={"by": "tenant"})
    part = await client.get(USAGE, params={"by": "tenant", "tenant": "a"})

    assert (whole.status_code, part.status_code) == (400, 200)
    assert "more than 1 rows" in whole.json()["error"]["message"]
