"""What is reserved of a budget for each model that is asked, and what comes of it."""

import asyncio

import pytest

from deployments.catalog import ModelSpec
from deployments.errors import UpstreamError
from deployments.protocol.backend import Settlement, Usage
from serve_app.access.admission import Admission
from serve_app.access.request_size import AnswerSize, PromptSize
from serve_app.access.ticket import Ticket
from serve_app.answering.call import BackendPort
from serve_app.answering.config import RetryPolicy
from tests.deployments.backends import openrouter_answers
from tests.deployments.backends.openrouter_answers import USAGE, unary
from tests.fakes import ScriptedBackend
from tests.serve_app.access.limited_tenant import BUDGET, World
from tests.serve_app.answering.recorded import Records
from tests.serve_app.fake_ledger import START, Clock


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
    assert error["message"] == (
        "Of the budget of 0.05 USD 0.050000 are left until 2026-09-22 00:00 UTC: less "
        "than this request may cost at most. A smaller max_tokens makes that less."
    )
    assert int(response.headers["retry-after"]) == 86400 - START % 86400
    assert response.headers["x-should-retry"] == "false"  # JavaScript would sleep a day


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
async def test_who_leaves_while_no_model_is_at_work_has_used_nothing(stream, caplog):
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
    while "model small failed" not in caplog.text:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    asking.cancel()
    await asyncio.wait({asking})

    (left,) = records
    assert (left.status, left.cost_usd, left.reserved_usd) == ("cancelled", None, 0.0)
    assert world.reserved(BUDGET) == 0
    assert world.holdings.of(BUDGET).part.free == pytest.approx(10.0)


def test_an_answer_that_nothing_bounds_is_reckoned_with_as_a_long_one():
    admission = Admission(None, unpriced_usd=0.1, clock=Clock())
    price = {"input_usd_per_token": 0, "output_usd_per_token": 1e-6}
    spec = ModelSpec(id="m", upstream_model="them/m", price=price)

    worst_usd = admission.worst_usd(spec, PromptSize(("hi",)), AnswerSize(2, None))
    assert worst_usd == pytest.approx(2 * 32_768e-6)


def test_what_an_upstream_does_beside_answering_is_reckoned_with_as_unpriced():
    admission = Admission(None, unpriced_usd=0.1, clock=Clock())
    price = {"input_usd_per_token": 0, "output_usd_per_token": 0}
    spec = ModelSpec.model_validate({"id": "m", "upstream_model": "m", "price": price})
    prompt = PromptSize(("hi",))

    assert admission.worst_usd(spec, prompt, AnswerSize(1, 5)) == 0
    assert admission.worst_usd(spec, prompt, AnswerSize(1, 5, extras=True)) == 0.1


@pytest.mark.parametrize("usd_per_token", [0.0, 0.01])
def test_a_model_that_searches_by_its_name_is_reckoned_with_as_one_that_is_told_to(
    usd_per_token,
):
    """OpenRouter charges for the search, though the model be free."""
    admission = Admission(None, unpriced_usd=0.1, clock=Clock())
    price = {"input_usd_per_token": 0, "output_usd_per_token": usd_per_token}
    given = {"id": "m", "upstream_model": "them/m:online", "price": price}
    spec = ModelSpec.model_validate(given)

    worst_usd = admission.worst_usd(spec, PromptSize(("hi",)), AnswerSize(2, 5))
    assert worst_usd == pytest.approx(10 * usd_per_token + 2 * 0.1)


async def test_a_search_needs_more_of_the_budget_than_the_answer_alone():
    asked = {"model": "other", "max_tokens": 5}
    searching = {**asked, "plugins": [{"id": "web"}]}

    assert (await World(max_budget=0.14).ask(**asked)).status_code == 200
    assert (await World(max_budget=0.14).ask(**searching)).status_code == 429
    assert (await World(max_budget=0.16).ask(**searching)).status_code == 200


@pytest.mark.parametrize(("max_budget", "status"), [(0.5, 503), (0.01, 429)])
async def test_who_has_money_for_a_model_left_alone_is_told_to_come_again(
    max_budget, status
):
    world = World(max_budget=max_budget)  # of 10, 1 and 0.1 that the models may cost
    world.gateway.breakers.of("other").failed(retry_after_s=30)
    response = await world.ask()

    assert response.status_code == status
    code = response.json()["error"]["code"]
    assert code == {503: "breaker_open", 429: "insufficient_quota"}[status]
    assert world.reserved(BUDGET) == 0


@pytest.mark.parametrize(("cache_write_usd", "worst_usd"), [(1.25, 150), (0.5, 125)])
def test_a_prompt_may_all_be_written_to_a_cache_that_is_dearer(
    cache_write_usd, worst_usd
):
    admission = Admission(None, unpriced_usd=0.1, clock=Clock())
    price = {
        "input_usd_per_token": 1,
        "output_usd_per_token": 5,
        "cache_write_usd_per_token": cache_write_usd,
    }
    spec = ModelSpec.model_validate({"id": "m", "upstream_model": "m", "price": price})
    prompt = PromptSize((), n_tokens=100)

    assert admission.worst_usd(spec, prompt, AnswerSize(1, 5)) == worst_usd


@pytest.mark.parametrize(
    ("body", "said", "reserved"),
    [
        ({}, {"service_tier": "flex"}, 0.05),
        ({"service_tier": "priority"}, {}, 0.15),
        ({"tools": [{"type": "web_search"}]}, {}, 0.15),
    ],
)
async def test_what_is_charged_beside_the_tokens_counts_as_the_worst(
    body, said, reserved
):
    """Three tokens were written, for which the catalog has a price."""
    world = World(max_budget=10.0, capabilities=("tools",))
    upstream = openrouter_answers.backend(unary(usage=USAGE, **said))
    world.gateway._backends = {"fake": BackendPort("fake", upstream)}
    records = Records()
    world.gateway.completions._sink = records
    response = await world.ask(model="other", max_tokens=5, **body)

    (record,) = records
    assert response.status_code == 200
    assert (record.cost_usd, record.cost_source) == (None, "unknown")
    assert record.completion_tokens == 3
    assert record.reserved_usd == pytest.approx(reserved)
    admission: Admission = world.gateway._admission
    assert not await admission.afford(Ticket(budget=BUDGET), 10.001 - reserved)
    assert await admission.afford(Ticket(budget=BUDGET), 9.999 - reserved)


async def test_what_is_heard_is_reckoned_with_as_unpriced():
    sound = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    heard = [{"role": "user", "content": [sound]}]
    world = World(max_budget=0.149, capabilities=("audio",))
    asked = {"model": "other", "max_tokens": 5}
    path = "/v1/chat/completions"

    assert (await world.ask(**asked)).status_code == 200
    world = World(max_budget=0.149, capabilities=("audio",))
    assert (await world.post(path, {**asked, "messages": heard})).status_code == 429
