"""What a request leaves in the metrics, asked for over HTTP."""

from dataclasses import replace

import httpx
import pytest

from artifacts.policy import Shadow
from deployments.backends.breaker import Breakers
from deployments.backends.breaker_config import BreakerConfig
from deployments.errors import RoutingUnavailable, UpstreamError
from deployments.protocol.routing import RouteQuery
from serve_app.answering.failure import Failure
from serve_app.health import Health
from serve_app.http.api import build_api
from serve_app.observing.metrics import GatewayMetrics
from serve_app.observing.observer import Observer
from tests.deployments.store.made import record
from tests.fakes import SETTLEMENT, FixedRouter, ScriptedBackend, decision, gateway
from tests.kept_metrics import Kept, kept
from tests.serve_app.answering.recorded import call_of

CHAT = {"messages": [{"role": "user", "content": "tell me a secret"}]}
BROKEN = UpstreamError("it broke")
PRICED = {
    "id": "large",
    "backend": "fake",
    "upstream_model": "them/large",
    "price": {"input_usd_per_token": 0.1, "output_usd_per_token": 0.2},
}


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")


async def told_of(
    body: dict | None = None, *, router=None, backend=None, key="k", **config
) -> Kept:
    """The metrics that one request leaves."""
    tally, told = kept()
    observer = Observer(GatewayMetrics(tally))
    app = build_api(gateway(router, backend, observer=observer, **config))
    headers = {"authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.post(
            "/v1/chat/completions", json=CHAT | (body or {}), headers=headers
        )
    tally.flush()
    return told


def requests(told: Kept) -> dict:
    return told.counted["avengers_requests_total"]


async def test_an_answer():
    told = await told_of()

    assert requests(told) == {("t", "small", "none", "200"): 1.0}
    assert told.counted["avengers_decisions_total"] == {("small", "none", "routed"): 1}
    assert told.counted["avengers_cost_usd_total"] == {("t", "small"): 0.25}
    assert told.counted["avengers_tokens_total"] == {
        ("prompt",): 2.0,
        ("completion",): 3.0,
    }
    assert told.times("avengers_request_duration_seconds") == 1
    assert told.times("avengers_route_duration_seconds") == 1
    assert told.times("avengers_time_to_first_token_seconds") == 0


async def test_a_stream():
    told = await told_of({"stream": True})

    assert requests(told) == {("t", "small", "none", "200"): 1.0}
    assert told.times("avengers_time_to_first_token_seconds") == 1


async def test_a_stream_that_breaks_off_has_the_status_of_its_error():
    told = await told_of({"stream": True}, backend=ScriptedBackend(cut=BROKEN))

    assert requests(told) == {("t", "small", "none", "502"): 1.0}


async def test_a_model_that_fails_and_the_one_after_it():
    told = await told_of(backend=ScriptedBackend({"small": BROKEN}))

    assert requests(told) == {("t", "large", "none", "200"): 1.0}
    fallbacks = told.counted["avengers_fallbacks_total"]
    assert fallbacks == {("small", "large", "upstream_error"): 1.0}
    # What the first model took is not known, so what is ours is not, either.
    assert told.times("avengers_overhead_seconds") == 0


async def test_all_models_fail():
    told = await told_of(backend=ScriptedBackend({"small": BROKEN, "large": BROKEN}))

    assert requests(told) == {("t", "none", "none", "502"): 1.0}
    assert ("large", "none", "upstream_error") in told.counted[
        "avengers_fallbacks_total"
    ]
    assert told.times("avengers_request_duration_seconds") == 0


async def test_routing_that_fails_is_a_decision_by_the_default():
    router = FixedRouter(error=RoutingUnavailable("down"))
    told = await told_of(router=router)

    decisions = told.counted["avengers_decisions_total"]
    assert decisions == {("large", "none", "fallback"): 1.0}


@pytest.mark.parametrize(
    ("body", "key", "tenant", "status"),
    [
        ({"messages": []}, "k", "t", "400"),
        ({"model": "no-such"}, "k", "t", "404"),
        ({}, "sk-av-wrong", "none", "401"),
    ],
)
async def test_requests_that_are_refused(body, key, tenant, status):
    told = await told_of(body, key=key)

    assert requests(told) == {(tenant, "none", "none", status): 1.0}


@pytest.mark.parametrize(
    ("prices", "name", "usd"),
    [((0.1, 0.2), "savings", 0.55), ((0.01, 0.01), "excess", 0.2)],
)
async def test_savings_against_the_reference_model(prices, name, usd):
    price = dict(
        zip(("input_usd_per_token", "output_usd_per_token"), prices, strict=True)
    )
    models = [PRICED | {"price": price}, PRICED | {"id": "small"}]
    tenant = {"id": "t", "alpha": 0.5, "reference_model": "large"}
    told = await told_of(
        catalog={"models": models},
        cost_tiers={},
        tenants=[tenant | {"keys": [{"env": "TEST_KEY"}]}],
    )

    saved = told.counted[f"avengers_{name}_usd_total"]
    assert saved == {("t",): pytest.approx(usd)}


async def test_breakers_of_models_and_the_way_of_usage_records_are_told():
    tally, told = kept()
    metrics = GatewayMetrics(tally)
    breakers = Breakers(BreakerConfig(failures=1))
    breakers.of("small").failed()
    breakers.of("small TENANTS_KEY").failed()
    breakers.of("large").succeeded()
    metrics.watch_breakers(breakers)
    metrics.watch_health(lambda: Health(False, 7, "the disk is full"))
    tally.start()
    tally.stop()

    assert told.gauges["avengers_breaker_state"] == {("small",): 2.0, ("large",): 0.0}
    assert told.gauges["avengers_usage_records_pending"] == {(): 7.0}
    assert told.gauges["avengers_ledger_reachable"] == {(): 0.0}
    assert told.gauges["avengers_usage_journal_writable"] == {(): 0.0}


async def test_similarity_strange_queries_and_shadows():
    tally, told = kept()
    query = RouteQuery("a text", 0.5, ("small",))
    shadow = Shadow("0" * 64, "large", 0.001, agrees=False)
    decided = replace(
        decision(query), similarities=(0.4,), out_of_distribution=True, shadow=shadow
    )
    GatewayMetrics(tally).decided("small", "economy", "routed", decided)
    tally.flush()

    assert told.times("avengers_nearest_similarity") == 1
    assert told.gauges["avengers_nearest_similarity_sum"] == {(): 0.4}
    assert told.counted["avengers_out_of_distribution_total"] == {(): 1.0}
    assert told.counted["avengers_shadow_decisions_total"] == {("false",): 1.0}


async def test_of_several_models_that_fail_each_is_followed_by_the_next():
    tally, told = kept()
    failures = (Failure("a", "timeout"), Failure("b", "breaker_open"))
    GatewayMetrics(tally).ended(record(model="c"), "t", 200, failures)
    tally.flush()

    assert told.counted["avengers_fallbacks_total"] == {
        ("a", "b", "timeout"): 1.0,
        ("b", "c", "breaker_open"): 1.0,
    }


async def test_tokens_are_told_by_their_kind_and_what_has_no_price_is_counted():
    tally, told = kept()
    used = record(cost_usd=None, cached_tokens=4, reasoning_tokens=2)
    GatewayMetrics(tally).ended(used, "t", 200, ())
    tally.flush()

    assert told.counted["avengers_tokens_total"] == {
        ("prompt",): 10.0,
        ("completion",): 5.0,
        ("cached",): 4.0,
        ("reasoning",): 2.0,
    }
    assert told.counted["avengers_unpriced_answers_total"] == {("small",): 1.0}
    assert "avengers_cost_usd_total" not in told.counted


@pytest.mark.parametrize(("upstream_s", "ours_s"), [(0.4, 0.1), (0.6, 0.0)])
async def test_what_is_ours_ends_with_the_first_byte_and_is_told_once(
    upstream_s, ours_s
):
    tally, told = kept()
    watch = Observer(GatewayMetrics(tally)).begin("req-1")
    call, made = call_of(gateway()), record(first_byte_s=0.5, latency_s=9.0)
    for _ in range(2):
        settlement = replace(SETTLEMENT, upstream_s=upstream_s)
        watch.ended(call, made, (), settlement=settlement)
    tally.flush()

    assert told.times("avengers_overhead_seconds") == 1
    (sum_s,) = told.gauges["avengers_overhead_seconds_sum"].values()
    assert sum_s == pytest.approx(ours_s)


async def test_how_many_requests_a_replica_works_on_is_told_as_it_is_now():
    tally, told = kept()
    bounds = iter([295, 300])
    GatewayMetrics(tally).watch_bound(lambda: next(bounds))
    for bound in (295.0, 300.0):
        tally.start()
        tally.stop()
        assert told.gauges["avengers_gateway_max_ongoing_requests"] == {(): bound}
