"""`GET /v1/usage` on the real store: sums, savings, and what may be asked."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from deployments.api_key import key_sha256
from deployments.errors import NotFound, Overloaded
from deployments.limits.ledger_protocol import BudgetState
from deployments.store.database import Database
from deployments.store.snapshot import Snapshot
from deployments.store.usage_store import UsageStore
from deployments.tenancy import KeyConfig, TenantConfig
from serve_app.access.tenants import Directory
from serve_app.http.api import build_api
from serve_app.http.usage_api import usage_of, usage_query
from tests.deployments.store.made import JULY, JUNE, MAY, record
from tests.fakes import CATALOG, KEPT, app_config, gateway
from tests.serve_app.http.api_client import asking

PRICED = [
    {**CATALOG[0]},
    {
        **CATALOG[1],
        "price": {"input_usd_per_token": 0.05, "output_usd_per_token": 0.1},
    },
    CATALOG[2],
]
NOW = JUNE + timedelta(days=10, hours=12)
WHOLE = {"start": "2026-05-01", "end": "2026-07-01"}


class Books:
    """A Ledger's answers from the real store."""

    def __init__(self, store):
        self.usage = store.rows

    async def budget(self, tenant):
        if tenant != "t":
            raise NotFound("no such tenant")
        start, end = JUNE, JUNE + timedelta(days=30)
        return BudgetState(tenant, 7.5, 0.5, 10.0, 7.0, start, end)


@pytest.fixture
async def books(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'usage.db'}")
    await database.open()
    store = UsageStore(database)
    await store.ingest(
        [
            record("use-1", MAY),
            record("use-2", JUNE, model="large", cost_usd=1.0, prompt_tokens=20),
            record("use-3", JUNE, cost_usd=None, key_id="other"),
            record("use-4", JUNE, tenant="somebody else", cost_usd=100.0),
        ]
    )
    yield Books(store)
    await database.close()


def tenant_config(**changes):
    made = {
        "id": "t",
        "alpha": 0.5,
        "keys": [{"env": "TEST_KEY"}],
        "reference_model": "large",
        **changes,
    }
    return {"catalog": {"models": PRICED}, "tenants": [made], **KEPT}


def opened(**changes):
    config = app_config(**tenant_config(**changes))
    directory = Directory(config, {"TEST_KEY": "sk-av-t"})
    return directory, directory.authenticate("Bearer sk-av-t")


async def usage(books, params, **changes):
    return await usage_of(books, *opened(**changes), params, clock=lambda: NOW)


@asynccontextmanager
async def client(books):
    served = gateway(**tenant_config())
    served.take(Snapshot(1, (), {}))  # before that, no key is called unknown
    async with asking(build_api(served, usage=books)) as made:
        yield made


async def test_over_http_a_tenant_sees_its_own_and_nobody_elses(books):
    async with client(books) as c:
        response = await c.get("/v1/usage", params={**WHOLE, "by": "day,model"})
        unknown = await c.get("/v1/usage", headers={"authorization": "Bearer sk-av-x"})

    assert unknown.status_code == 401
    assert response.status_code == 200
    found = response.json()
    rows = [(row["day"], row["model"], row["cost_usd"]) for row in found["data"]]
    assert rows == [
        ("2026-05-01", "small", 0.25),
        ("2026-06-01", "large", 1.0),
        ("2026-06-01", "small", None),
    ]
    assert found["total"]["requests"] == 3
    assert (found["total"]["cost_usd"], found["total"]["unknown_cost"]) == (1.25, 1)
    assert found["start"] == "2026-05-01T00:00:00+00:00"


async def test_a_list_that_a_client_writes_as_the_same_name_again_is_read_whole(books):
    async with client(books) as c:
        found = await c.get("/v1/usage", params={**WHOLE, "by": ["model", "day"]})

    assert found.json()["by"] == ["model", "day"]
    assert [row["model"] for row in found.json()["data"]] == ["large", "small", "small"]


async def test_savings_are_an_estimate_over_what_can_be_compared(books):
    found = await usage(books, WHOLE)

    assert found["reference_model"] == "large"
    assert found["total"]["savings"] == {
        "estimate": True,
        "requests": 2,
        "cost_usd": 1.25,
        "reference_cost_usd": pytest.approx(30 * 0.05 + 10 * 0.1),
        "savings_usd": pytest.approx(1.25),
    }


@pytest.mark.parametrize("model", [None, "small"])
async def test_savings_are_unknown_without_a_price(books, model):
    found = await usage(books, WHOLE, reference_model=model)

    savings = found["total"]["savings"]
    assert (savings["reference_cost_usd"], savings["savings_usd"]) == (None, None)
    assert (savings["estimate"], savings["requests"]) == (True, 2)
    assert found["reference_model"] == model


async def test_savings_are_unknown_where_the_catalog_has_lost_the_model(books):
    lost = TenantConfig(
        id="t",
        alpha=0.5,
        reference_model="no-such",
        keys=(KeyConfig(sha256=key_sha256("sk-av-s")),),
    )
    directory = Directory(app_config(tenants=[]), {}, Snapshot(1, (lost,), {}))
    tenant = directory.authenticate("Bearer sk-av-s")
    found = await usage_of(books, directory, tenant, WHOLE, clock=lambda: NOW)

    assert found["reference_model"] == "no-such"
    assert found["total"]["savings"]["savings_usd"] is None


async def test_savings_of_requests_that_cost_nobody_knows_what_are_unknown(books):
    found = await usage(books, {**WHOLE, "key_id": "other"})

    assert found["total"]["cost_usd"] is None
    assert found["total"]["savings"]["savings_usd"] is None
    assert found["total"]["savings"]["cost_usd"] is None


async def test_where_there_is_nothing_the_total_is_unknown_and_no_row_is_made(books):
    found = await usage(books, {"start": "2020-01-01", "end": "2020-02-01"})

    assert found["data"] == []
    assert (found["total"]["requests"], found["total"]["cost_usd"]) == (0, None)


@pytest.mark.parametrize(
    ("config", "start", "end"),
    [
        ({}, datetime(2026, 5, 13, tzinfo=UTC), NOW),
        (
            {"max_budget": 5},
            datetime(2026, 6, 1, tzinfo=UTC),
            datetime(2026, 7, 1, tzinfo=UTC),
        ),
        (
            {"soft_budget": 5, "budget_duration": "7d"},
            datetime(2026, 6, 8, tzinfo=UTC),
            datetime(2026, 6, 15, tzinfo=UTC),
        ),
        (
            {"budget_timezone": "Europe/Berlin"},
            datetime(2026, 5, 12, 22, tzinfo=UTC),
            NOW,
        ),
    ],
)
def test_if_nothing_is_said_the_budgets_period_counts_or_30_days(config, start, end):
    query = usage_query(opened(**config)[1], {}, NOW)

    assert (query.start, query.end) == (start, end)
    assert (query.tenant, query.by, query.most_rows) == ("t", ("day",), 10_000)


def test_the_last_30_days_are_whole_ones_of_the_zone_that_is_asked_for():
    query = usage_query(opened()[1], {"timezone": "Asia/Tokyo"}, NOW)

    assert (query.start, query.end) == (datetime(2026, 5, 12, 15, tzinfo=UTC), NOW)


def test_the_30_days_before_a_midnight_are_30_days():
    query = usage_query(opened()[1], {"end": "2026-07-01"}, NOW)

    assert (query.start, query.end) == (JUNE, JULY)


@pytest.mark.parametrize(
    ("start", "timezone", "at"),
    [
        ("2026-06-01", "UTC", JUNE),
        ("2026-06-01", "Europe/Berlin", JUNE - timedelta(hours=2)),
        ("2026-06-01T06:00:00Z", "Europe/Berlin", JUNE + timedelta(hours=6)),
        ("2026-06-01T06:00:00+02:00", "UTC", JUNE + timedelta(hours=4)),
        (str(int(JUNE.timestamp())), "Europe/Berlin", JUNE),
    ],
)
def test_moments_are_of_their_zone(start, timezone, at):
    query = usage_query(opened()[1], {"start": start, "timezone": timezone}, NOW)

    assert (query.start, query.end) == (at, NOW)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-02-30"}, "start"),
        ({"start": "9" * 30}, "start"),
        ({"start": "2001-01-01"}, "start"),
        ({"end": ""}, "end"),
        ({"end": "0001-01-05"}, "end"),
        ({"end": "0001-01-02"}, "end"),
        (
            {"end": "9999-12-31T23:59:59Z", "timezone": "Pacific/Kiritimati"},
            "end",
        ),
        ({"end": "253402300799", "timezone": "Pacific/Kiritimati"}, "end"),
        ({"start": "2026-06-02", "end": "2026-06-02"}, "end"),
        ({"start": "2030-01-01"}, "end"),
        ({"by": "tenant"}, "by"),
        ({"by": "day,day"}, "by"),
        ({"by": "hour"}, "by"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"tenant": "somebody else"}, "tenant"),
        ({"model": "\0"}, "model"),
        ({"key_id": "a\0"}, "key_id"),
        ({"model": ["small", "large"]}, "model"),
        ({"by": ["day", "day"]}, "by"),
    ],
)
async def test_bad_parameters_are_named(books, params, param):
    async with client(books) as c:
        response = await c.get("/v1/usage", params=params)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_without_a_ledger_it_says_so():
    async with client(None) as c:
        response = await c.get("/v1/usage")

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "usage_not_kept"


async def test_a_ledger_that_is_down_is_overloaded():
    class Down:
        async def usage(self, query):
            raise Overloaded("The store is down.", retry_after_s=5)

    async with client(Down()) as c:
        response = await c.get("/v1/usage")

    assert response.status_code == 503


async def test_who_has_a_budget_is_told_what_is_left_of_it(books):
    budget = (await usage(books, {}, max_budget=10, soft_budget=7))["budget"]

    assert (budget["spend"], budget["left"]) == (7.5, 2.0)
    assert budget["soft_budget_reached"] is True
    assert (await usage(books, {}))["budget"] is None
