"""Who is let in, and what he is told of limits, if not."""

import threading
import time

import pytest

from deployments.errors import UpstreamError
from deployments.limits.ledger_protocol import Resource
from serve_app.access import request_size
from tests.fakes import ScriptedBackend
from tests.serve_app.access.limited_tenant import BUDGET, PRICES, World
from tests.serve_app.answering.recorded import Records


async def test_headers_tell_what_is_left_and_when_all_is_there_again():
    world = World(rpm_limit=8, tpm_limit=800)
    headers = (await world.ask(max_tokens=5)).headers

    assert headers["x-ratelimit-limit-requests"] == "8"
    assert headers["x-ratelimit-remaining-requests"] == "7"
    assert headers["x-ratelimit-reset-requests"] == "1m1s"
    assert headers["x-ratelimit-limit-tokens"] == "800"


async def test_of_tenant_and_key_the_headers_tell_the_nearer_limit():
    world = World(rpm_limit=100, key={"rpm_limit": 3})

    assert (await world.ask()).headers["x-ratelimit-limit-requests"] == "3"


async def test_beyond_the_rate_a_request_is_told_when_to_come_again():
    world = World(rpm_limit=1)
    assert (await world.ask()).status_code == 200
    world.clock.now += 20
    response = await world.ask()

    assert response.status_code == 429
    error = response.json()["error"]
    assert error["code"] == error["type"] == "rate_limit_exceeded"
    said = "The limit of this tenant is reached: 1 requests per minute."
    assert error["message"] == said
    assert response.headers["retry-after"] == "40"
    assert response.headers["x-ratelimit-limit-requests"] == "1"
    assert response.headers["x-ratelimit-remaining-requests"] == "0"
    assert response.headers["x-ratelimit-reset-requests"] == "40s"
    world.clock.now += 40
    assert (await world.ask()).status_code == 200


async def test_a_request_that_is_refused_is_told_of_all_limits_that_were_looked_at():
    world = World(rpm_limit=8, tpm_limit=30)
    assert (await world.ask(max_tokens=10)).status_code == 200
    headers = (await world.ask(max_tokens=10, n=4)).headers

    assert headers["x-ratelimit-remaining-requests"] == "6"
    assert headers["x-ratelimit-limit-tokens"] == "30"
    assert headers["x-ratelimit-remaining-tokens"] == "25"  # the first has used 5


async def test_a_request_larger_than_the_limit_is_told_so_and_not_to_come_again():
    response = await World(tpm_limit=5).ask(max_tokens=9)

    said = response.json()["error"]["message"]
    assert "5 tokens per minute. This request alone asks for up to" in said
    assert response.status_code == 429
    assert "retry-after" not in response.headers
    assert response.headers["x-should-retry"] == "false"


async def test_what_a_key_s_limit_refuses_takes_nothing_from_the_other_keys():
    world = World(rpm_limit=10, tpm_limit=1000, key={"rpm_limit": 1})
    statuses = [(await world.ask(max_tokens=1)).status_code for _ in range(9)]
    assert statuses == [200] + 8 * [429]
    await world.holdings.give_back_idle()

    assert await world.holdings.reserve(Resource("rpm", "t"), 9) is not None


async def test_what_is_left_of_a_budget_is_told_with_what_lies_at_hand():
    world = World(max_budget=8.0)
    assert (await world.ask(model="other")).status_code == 200  # it costs 0.25
    response = await world.ask(model="small")  # its answer may cost 10

    said = response.json()["error"]["message"]
    assert said.startswith("Of the budget of 8.00 USD 7.750000 are left")


async def test_whose_limit_is_reached_is_told():
    world = World(rpm_limit=9, key={"rpm_limit": 1})
    said = [await world.ask() for _ in range(2)][1].json()["error"]["message"]

    assert said == "The limit of this key is reached: 1 requests per minute."


async def test_the_tokens_of_all_answers_count_against_the_rate():
    assert (await World(tpm_limit=30).ask(max_tokens=5)).status_code == 200
    error = (await World(tpm_limit=30).ask(max_tokens=5, n=20)).json()["error"]

    assert "This request alone asks for up to 110" in error["message"]


async def test_the_ledger_is_told_a_configured_tenant_s_terms_with_all_that_is_asked():
    """It may never have heard of the tenant."""
    world = World(rpm_limit=5, max_budget=10.0)
    assert (await world.ask()).status_code == 200

    told = {ask.resource.kind: ask.terms for ask in world.ledger.asks}
    assert {kind: terms and terms.id for kind, terms in told.items()} == {
        "rpm": "t",
        "budget": "t",
    }


async def test_without_limits_nobody_asks_the_ledger():
    world = World()
    world.ledger.away = True

    assert (await world.ask()).status_code == 200
    assert world.ledger.asks == []


async def test_without_its_ledger_a_rate_is_kept_that_it_was_never_asked_for():
    world = World(rpm_limit=2, tpm_limit=1000)
    world.ledger.away = True

    statuses = [(await world.ask(max_tokens=1)).status_code for _ in range(3)]
    assert statuses == [200, 200, 503]


async def test_a_request_that_failed_gives_its_tokens_back():
    down = {name: UpstreamError("down") for name in PRICES}
    world = World(ScriptedBackend(down), tpm_limit=30)
    # Each reserves 20 tokens.
    statuses = [(await world.ask(max_tokens=10)).status_code for _ in range(2)]

    assert statuses == [502, 502]


async def test_headers_of_a_stream_tell_what_is_left_as_well():
    headers = (await World(rpm_limit=8).ask(stream=True)).headers

    assert headers["x-ratelimit-remaining-requests"] == "7"


async def test_the_ledger_is_told_of_a_tenant_that_is_configured_while_it_serves():
    world = World()
    keys = [{"env": "TEST_KEY"}]
    new = {"id": "new", "alpha": 0.5, "rpm_limit": 5, "keys": keys}
    world.gateway.apply({"tenants": [new]})
    assert (await world.ask()).status_code == 200

    (ask,) = world.ledger.asks
    assert ask.terms is not None
    assert (ask.terms.id, ask.terms.rpm_limit) == ("new", 5)


async def test_a_request_that_failed_is_one_of_the_rate_all_the_same():
    down = {name: UpstreamError("down") for name in PRICES}
    world = World(ScriptedBackend(down), rpm_limit=2)
    statuses = [(await world.ask()).status_code for _ in range(3)]

    assert statuses == [502, 502, 429]


@pytest.mark.parametrize("terms", [{"tpm_limit": 10**6}, {"max_budget": 100.0}])
async def test_a_long_prompt_is_counted_where_no_other_request_waits(
    monkeypatch, terms
):
    on_the_loop: list[bool] = []

    def count_tokens(_: str) -> int:
        on_the_loop.append(threading.current_thread() is threading.main_thread())
        return 9

    monkeypatch.setattr(request_size, "count_tokens", count_tokens)
    messages = [{"role": "user", "content": "a" * 300_000}]
    response = await World(**terms).ask(messages=messages)

    assert response.status_code == 200
    assert set(on_the_loop) == {False}


@pytest.mark.parametrize("ahead_s", [86_400, -86_400], ids=["before", "after"])
async def test_a_request_counts_in_the_period_of_which_it_has_reserved(ahead_s):
    """It came a moment before that began, and was routed meanwhile; or the Ledger's
    clock was set back into a period that was over."""
    world = World(max_budget=10.0, budget_duration="1d")
    records = Records()
    world.gateway.completions._sink = records
    world.clock.now = time.time() + ahead_s

    assert (await world.ask(model="other")).status_code == 200
    (record,) = records
    start = world.holdings.of(BUDGET).period
    assert start <= record.at < start + 86_400
