"""Who is let in, what he is told if not, and that all he held is free afterwards."""

import asyncio

import pytest

from deployments.catalog import ModelSpec
from deployments.errors import RateLimited, UpstreamError
from deployments.limits.ledger_protocol import Resource
from deployments.protocol import Settlement, Usage
from serve_app.access.admission import Admission, Ticket, duration
from serve_app.answering.answer_size import AnswerSize
from serve_app.answering.attempts import RetryPolicy
from serve_app.answering.call import BackendPort
from serve_app.answering.prompt_size import PromptSize
from tests.fakes import ScriptedBackend
from tests.serve_app.access.limited_tenant import BUDGET, PLACES_OF_KEY, PRICES, World
from tests.serve_app.answering.recorded import Records
from tests.serve_app.fake_ledger import START, Clock


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")


async def test_headers_tell_what_is_left_and_when_all_is_there_again():
    world = World(rpm_limit=8, tpm_limit=800)
    headers = (await world.ask(max_tokens=5)).headers

    assert headers["x-ratelimit-limit-requests"] == "8"
    assert headers["x-ratelimit-remaining-requests"] == "7"
    assert headers["x-ratelimit-reset-requests"] == "1m1s"
    assert headers["x-ratelimit-limit-tokens"] == "800"


async def test_headers_of_a_stream_tell_what_is_left_as_well():
    headers = (await World(rpm_limit=8).ask(stream=True)).headers

    assert headers["x-ratelimit-remaining-requests"] == "7"


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


async def test_the_place_that_was_taken_before_another_limit_refuses_is_free_again():
    world = World(rpm_limit=1, key={"max_parallel_requests": 2})
    assert (await world.ask()).status_code == 200
    assert (await world.ask()).status_code == 429

    assert world.reserved(PLACES_OF_KEY) == 0


async def test_what_a_key_s_limit_refuses_takes_nothing_from_the_other_keys():
    world = World(rpm_limit=10, tpm_limit=1000, key={"rpm_limit": 1})
    statuses = [(await world.ask(max_tokens=1)).status_code for _ in range(9)]
    assert statuses == [200] + 8 * [429]
    await world.holdings.give_back_idle()

    assert await world.holdings.reserve(Resource("rpm", "t"), 9) is not None


async def test_what_finds_no_place_takes_nothing_of_the_rate():
    world = World(Hanging(), rpm_limit=10, max_parallel_requests=1)
    asking = asyncio.create_task(world.gateway.completions.complete(await world.call()))
    await world.backend.begun.wait()
    for _ in range(8):
        with pytest.raises(RateLimited):
            await world.call()
    await world.holdings.give_back_idle()

    assert await world.holdings.reserve(Resource("rpm", "t"), 9) is not None
    asking.cancel()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "backend",
    [
        ScriptedBackend(),
        ScriptedBackend({name: UpstreamError("down") for name in PRICES}),
        ScriptedBackend(cut=UpstreamError("cut")),
        ScriptedBackend({"small": ValueError("a fault of ours")}),
    ],
    ids=["answered", "failed", "cut", "unforeseen"],
)
async def test_places_and_money_are_free_whatever_the_end(backend, stream):
    world = World(backend, max_parallel_requests=1, max_budget=100)
    for _ in range(3):
        try:
            response = await world.ask(stream=stream)
        except ValueError:
            continue
        assert response.status_code != 429

    assert world.reserved() == world.reserved(BUDGET) == 0


class Hanging(ScriptedBackend):
    """Answers never."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def complete(self, request):
        self.begun.set()
        await asyncio.sleep(3600)


async def test_the_place_of_a_client_that_leaves_is_free():
    world = World(Hanging(), max_parallel_requests=1)
    asking = asyncio.create_task(world.gateway.completions.complete(await world.call()))
    await world.backend.begun.wait()
    with pytest.raises(RateLimited):
        await world.call()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    await world.call()


async def test_the_place_of_a_stream_that_nobody_comes_to_read_is_free():
    world = World(max_parallel_requests=1)
    started = await world.gateway.completions.start_stream(await world.call())
    assert world.reserved() == 1

    await started.frames.aclose()

    assert world.reserved() == 0


async def test_the_place_of_a_client_that_leaves_while_he_waits_for_it_is_free():
    world = World(max_parallel_requests=1, rpm_limit=5)
    world.ledger.may_answer.clear()
    waiting = asyncio.create_task(world.call())
    await world.ledger.asked.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    world.ledger.may_answer.set()

    await world.call()


async def test_the_place_of_a_client_that_leaves_while_his_tenant_waits_is_free():
    world = World(rpm_limit=5, key={"max_parallel_requests": 2})
    place = await world.holdings.reserve(PLACES_OF_KEY, 1)
    assert place is not None
    world.holdings.settle(place, used=0)  # so a place is at hand
    world.ledger.asked.clear()
    world.ledger.may_answer.clear()
    waiting = asyncio.create_task(world.call())
    await world.ledger.asked.wait()
    assert world.reserved(PLACES_OF_KEY) == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert world.reserved(PLACES_OF_KEY) == 0


async def test_a_model_that_the_budget_does_not_cover_is_passed_over_for_a_cheaper():
    response = await World(max_budget=2.0).ask()

    assert response.headers["x-routed-model"] == "other"
    assert response.headers["x-routing-fallbacks"] == "1; small=over_budget"


async def test_a_budget_that_covers_no_model_tells_what_is_left_and_until_when():
    world = World(max_budget=0.05, budget_duration="1d")
    response = await world.ask()

    error = response.json()["error"]
    assert response.status_code == 429
    assert error["code"] == error["type"] == "insufficient_quota"
    said = "Of the budget of 0.05 USD 0.050000 are left until 2026-09-22 00:00 UTC"
    assert error["message"].startswith(said)
    assert int(response.headers["retry-after"]) == 86400 - START % 86400


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


async def test_what_an_answer_cost_is_gone_and_the_rest_of_its_reservation_is_not():
    world = World(max_budget=10.0)  # an answer is reserved 10 and costs 0.25
    assert (await world.ask()).headers["x-routed-model"] == "small"

    assert world.holdings.of(BUDGET).part.free == pytest.approx(9.75)


@pytest.mark.parametrize(
    ("body", "reserved"),
    [
        ({"max_tokens": 5}, 0.05),
        ({"max_tokens": 5, "n": 4}, 0.2),
        ({"max_tokens": 5, "n": 2, "best_of": 3}, 0.15),
        ({"max_tokens": 1, "max_completion_tokens": 5}, 0.05),
        ({"n": 4}, 0.4),  # at most 10 tokens each
    ],
)
async def test_all_answers_that_are_asked_for_are_reserved(body, reserved):
    enough = await World(max_budget=reserved).ask(model="other", **body)
    too_little = await World(max_budget=0.99 * reserved).ask(model="other", **body)

    assert enough.status_code == 200
    assert too_little.json()["error"]["code"] == "insufficient_quota"


async def test_what_is_sent_by_default_is_reserved_as_well():
    world = World(max_budget=0.19)
    asked = {"model": "other", "max_tokens": 5}
    assert (await world.ask(**asked)).status_code == 200

    world = World(max_budget=0.19)
    port = BackendPort("fake", world.backend, {"n": 4})
    world.gateway._backends = {"fake": port}
    assert (await world.ask(**asked)).status_code == 429


def test_a_model_without_a_price_is_reckoned_with_for_each_answer():
    admission = Admission(None, unpriced_usd=0.1, clock=Clock())
    spec = ModelSpec(id="m", upstream_model="them/m")

    worst_usd = admission.worst_usd(spec, PromptSize(("hi",)), AnswerSize(3, 5))
    assert worst_usd == pytest.approx(0.3)


def test_an_answer_that_nothing_bounds_is_reckoned_with_as_a_long_one():
    admission = Admission(None, unpriced_usd=0.1, clock=Clock())
    price = {"input_usd_per_token": 0, "output_usd_per_token": 1e-6}
    spec = ModelSpec(id="m", upstream_model="them/m", price=price)

    worst_usd = admission.worst_usd(spec, PromptSize(("hi",)), AnswerSize(2, None))
    assert worst_usd == pytest.approx(2 * 32_768e-6)


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


async def test_the_ledger_is_told_of_a_tenant_that_is_configured_while_it_serves():
    world = World()
    keys = [{"env": "TEST_KEY"}]
    new = {"id": "new", "alpha": 0.5, "rpm_limit": 5, "keys": keys}
    world.gateway.apply({"tenants": [new]})
    assert (await world.ask()).status_code == 200

    (ask,) = world.ledger.asks
    assert ask.terms is not None
    assert (ask.terms.id, ask.terms.rpm_limit) == ("new", 5)


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


async def test_a_budget_without_its_ledger_is_no_error_of_the_budget():
    world = World(max_budget=10.0)
    world.ledger.away = True

    assert (await world.ask()).status_code == 503


async def test_what_is_unknown_counts_as_the_worst():
    world = World(max_budget=10.0)
    admission: Admission = world.gateway._admission
    ticket = Ticket(budget=BUDGET)
    assert await admission.afford(ticket, 4.0)
    admission.leave(ticket, Settlement(Usage(1, 1, 2), None, "unknown"))

    assert not await admission.afford(ticket, 6.5)
    assert await admission.afford(ticket, 6.0)


async def test_what_is_free_is_never_over_the_budget():
    world = World(max_budget=0.0)

    assert await world.gateway._admission.afford(Ticket(budget=BUDGET), 0.0)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (0.2, "1s"), (59.5, "1m0s"), (61, "1m1s"), (360, "6m0s")],
)
def test_durations_are_written_as_openai_does(seconds, said):
    assert duration(seconds) == said


async def test_a_request_that_failed_gives_its_tokens_back():
    down = {name: UpstreamError("down") for name in PRICES}
    world = World(ScriptedBackend(down), tpm_limit=30)
    # Each reserves 20 tokens.
    statuses = [(await world.ask(max_tokens=10)).status_code for _ in range(2)]

    assert statuses == [502, 502]


async def test_a_request_that_failed_is_one_of_the_rate_all_the_same():
    down = {name: UpstreamError("down") for name in PRICES}
    world = World(ScriptedBackend(down), rpm_limit=2)
    statuses = [(await world.ask()).status_code for _ in range(3)]

    assert statuses == [502, 502, 429]


async def test_a_model_is_probed_again_whose_probe_the_ledger_kept_from_being_sent():
    world = World(max_budget=100)
    breaker = world.gateway.breakers.of("small")
    breaker.failed(retry_after_s=1e-9)
    assert breaker.state == "half-open"
    world.ledger.away = True

    assert (await world.ask(model="small")).status_code == 503
    assert world.backend.requests == []
    assert breaker.admit()


@pytest.mark.parametrize("stream", [True, False])
async def test_who_leaves_while_no_model_is_at_work_has_used_nothing(stream):
    """The only model has failed, and is asked again after a pause."""
    down = ScriptedBackend({"small": UpstreamError("down")})
    world = World(down, max_budget=10.0)
    records = Records()
    world.gateway.completions._sink = records
    world.gateway.completions._retries = RetryPolicy(backoff_s=3.0)
    call = await world.call(model="small")
    completions = world.gateway.completions
    answer = completions.start_stream if stream else completions.complete
    asking = asyncio.create_task(answer(call))
    await asyncio.sleep(0.05)
    assert len(world.backend.requests) == 1
    asking.cancel()
    await asyncio.wait({asking})

    (left,) = records
    assert (left.status, left.cost_usd, left.reserved_usd) == ("cancelled", None, 0.0)
    assert world.reserved(BUDGET) == 0
    assert world.holdings.of(BUDGET).part.free == pytest.approx(10.0)
