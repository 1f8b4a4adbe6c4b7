"""Which models are tried, in which order, and when to stop."""

import asyncio
import json

import pytest

from deployments.errors import (
    InvalidRequest,
    Overloaded,
    PromptTooLong,
    RateLimited,
    RoutingUnavailable,
    ServingError,
    UpstreamError,
    UpstreamTimeout,
)
from deployments.protocol.backend import Answer, BackendRequest
from serve_app.answering.answered import Answered
from serve_app.answering.attempts import Attempts
from serve_app.answering.call import BackendPort, Call
from serve_app.answering.chat import parse_chat
from serve_app.answering.config import RetryPolicy
from serve_app.answering.planning import Asked
from tests.fakes import CATALOG, SETTLEMENT, FixedRouter, ScriptedBackend, gateway
from tests.serve_app.answering.recorded import call_of

DOWN = UpstreamError("down")
TENANT = {"id": "t", "alpha": 0.5, "keys": [{"env": "TEST_KEY"}]}


async def answered(
    backend: ScriptedBackend, router: FixedRouter | None = None, **config: object
) -> Answered:
    """Who answers under a tenant with all models; the router ranks small first."""
    model = config.pop("model", "auto")
    made = gateway(router, backend, tenants=[TENANT], **config)
    message = {"role": "user", "content": "hi"}
    chat = parse_chat(json.dumps({"messages": [message], "model": model}).encode())
    view = made.directory
    plan = made.plan(view, view.authenticate("Bearer k"), chat, Asked())
    call = Call(plan, chat, view, "req-1")
    answer, by = await made.completions.complete(call)
    assert answer.settlement is SETTLEMENT
    return by


def failed(by: Answered) -> list[str]:
    return [failure.model for failure in by.failures]


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")
    monkeypatch.setenv("OTHER_KEY", "o")


async def test_the_first_of_the_ranking_answers():
    by = await answered(ScriptedBackend())

    assert (by.model, by.cause, by.failures) == ("small", "routed", ())


@pytest.mark.parametrize("error", [DOWN, Overloaded("full"), PromptTooLong("long")])
async def test_the_ranking_is_followed_while_models_fail(error):
    by = await answered(ScriptedBackend({"small": error, "other": error}))

    assert (by.model, failed(by)) == ("large", ["small", "other"])


@pytest.mark.parametrize(
    ("error", "max_fallbacks", "tried"),
    [
        (InvalidRequest("no"), 2, ["small"]),
        (PromptTooLong("long"), 2, ["small", "other", "large"]),
        (DOWN, 0, ["small"]),
        (DOWN, 1, ["small", "other"]),
        (DOWN, 2, ["small", "other", "large"]),
    ],
)
async def test_when_it_is_given_up(error, max_fallbacks, tried):
    backend = ScriptedBackend(dict.fromkeys(("small", "other", "large"), error))

    with pytest.raises(ServingError) as raised:
        await answered(backend, retries={"max_fallbacks": max_fallbacks})

    assert [request.model for request in backend.requests] == tried
    assert raised.value.model == tried[-1]


async def test_a_model_that_was_asked_for_has_no_substitute():
    backend, router = ScriptedBackend({"large": DOWN}), FixedRouter()

    with pytest.raises(UpstreamError):
        await answered(backend, router, model="large", retries={"backoff_s": 0})

    assert {request.model for request in backend.requests} == {"large"}
    assert router.queries == []


@pytest.mark.parametrize(
    "router",
    [FixedRouter(error=RoutingUnavailable("gone")), FixedRouter(hang=True)],
)
async def test_without_a_decision_the_default_model_comes_first(router):
    limits = {"route_timeout_s": 0.01}
    by = await answered(ScriptedBackend({"large": DOWN}), router, limits=limits)

    assert (by.cause, by.artifact_id) == ("fallback", None)
    assert (failed(by), by.model) == (["large"], "small")


class Choosy(ScriptedBackend):
    """Has none of the providers that a client asks for, and no room for `flex`."""

    async def complete(self, request: BackendRequest) -> Answer:
        if b"provider" in request.body or b"flex" in request.body:
            raise RateLimited("no room", retry_after_s=60)
        return await super().complete(request)


@pytest.mark.parametrize(
    "wish", [{"provider": {"only": ["nobody"]}}, {"service_tier": "flex"}]
)
async def test_what_a_client_keeps_to_closes_a_model_to_nobody_else(wish):
    made = gateway(backend=Choosy(), retries={"max_retries": 0})
    keeping = {"model": "small", **wish}
    with pytest.raises(RateLimited):
        await made.completions.complete(call_of(made, **keeping))

    usual = call_of(made, model="small", service_tier="auto")
    _, by = await made.completions.complete(usual)
    with pytest.raises(Overloaded) as raised:
        await made.completions.complete(call_of(made, **keeping))
    assert by.model == "small"
    assert raised.value.code == "breaker_open"


class Exhausted(ScriptedBackend):
    """A tenant's own key has reached a limit of its own."""

    async def complete(self, request: BackendRequest) -> Answer:
        if request.secret:
            raise RateLimited("your key", retry_after_s=60)
        return await super().complete(request)


async def test_the_limits_of_a_tenant_s_own_key_close_a_model_to_nobody_else():
    own = {**TENANT, "id": "own", "byok": {"fake": "ACME"}}
    other = {**TENANT, "keys": [{"env": "OTHER_KEY"}]}
    retries = {"max_retries": 0}
    made = gateway(backend=Exhausted(), tenants=[own, other], retries=retries)
    view = made.directory

    async def ask(key: str) -> str:
        chat = parse_chat(
            b'{"model": "small", "messages": [{"role": "user", "content": "hi"}]}'
        )
        plan = made.plan(view, view.authenticate(f"Bearer {key}"), chat, Asked())
        _, by = await made.completions.complete(Call(plan, chat, view, "req-1"))
        return by.model

    with pytest.raises(RateLimited):
        await ask("k")

    assert await ask("o") == "small"
    with pytest.raises(Overloaded):
        await ask("k")


async def test_a_request_keeps_its_models_though_the_catalog_changes_meanwhile():
    class Changing(FixedRouter):
        async def route(self, queries):
            left = [spec for spec in CATALOG if spec["id"] != "small"]
            made.apply({"catalog": {"models": left}, "cost_tiers": {}})
            return await super().route(queries)

    made = gateway(Changing(), tenants=[TENANT], default_model="large")
    chat = parse_chat(b'{"messages": [{"role": "user", "content": "hi"}]}')
    view = made.directory
    plan = made.plan(view, view.authenticate("Bearer k"), chat, Asked())
    call = Call(plan, chat, view, "req-1")
    _, by = await made.completions.complete(call)

    assert "small" not in made.directory.specs
    assert (by.model, by.failures) == ("small", ())


@pytest.mark.parametrize(("used_s", "state"), [(30.0, "open"), (90.0, "closed")])
async def test_who_is_asked_when_the_time_is_nearly_over_is_not_blamed(used_s, state):
    now = [0.0]
    made = gateway(breaker={"failures": 1})
    run = await made.completions._begin(call_of(made))
    models = run.choice.models
    run.attempts = Attempts(
        models, RetryPolicy(), made.breakers, 100.0, clock=lambda: now[0]
    )
    first = await run.next()
    now[0] = used_s
    run.failed(*first, DOWN)
    port, request = await run.next()
    run.failed(port, request, UpstreamTimeout("It did not answer in time."))

    assert request.timeouts.total_s == 100.0 - used_s
    assert made.breakers.of(request.model).state == state


async def test_a_model_that_had_time_enough_to_begin_is_blamed_for_its_silence():
    """Though less than the whole time of its answers was left."""
    now = [0.0]
    made = gateway(breaker={"failures": 1})
    run = await made.completions._begin(call_of(made))
    run.attempts = Attempts(
        run.choice.models,
        RetryPolicy(),
        made.breakers,
        1000.0,
        clock=lambda: now[0],
    )
    first = await run.next()
    now[0] = 600.0
    run.failed(*first, DOWN)
    port, request = await run.next()
    run.failed(port, request, UpstreamTimeout("It did not answer in time."))

    assert request.timeouts.total_s == 400.0
    assert made.breakers.of(request.model).state == "open"


async def test_who_has_answered_is_the_home_of_the_conversation_s_next_turn():
    price = {
        "input_usd_per_token": 1e-5,
        "output_usd_per_token": 1e-4,
        "cached_usd_per_token": 1e-6,
    }
    router = FixedRouter()
    models = [{**spec, "price": price} for spec in CATALOG]
    made = gateway(router, catalog={"models": models})
    for _ in range(2):
        call = call_of(made, routing={"session_id": "s"})
        _, by = await made.completions.complete(call)

    first, second = (query.terms for query in router.queries)
    assert first is None
    assert second is not None
    assert second.home == by.model == "small"


async def test_what_is_sent_by_default_to_a_model_counts_before_its_backend_s():
    backend = ScriptedBackend()
    models = [{**spec, "request_defaults": {"seed": 1}} for spec in CATALOG]
    made = gateway(catalog={"models": models})
    made._backends = {"fake": BackendPort("fake", backend, {"seed": 7, "x": 7})}
    await made.completions.complete(call_of(made))

    sent = json.loads(backend.requests[0].body)
    assert (sent["seed"], sent["x"]) == (1, 7)


async def test_a_backend_that_keeps_not_even_its_timeouts_is_given_up(monkeypatch):
    monkeypatch.setattr("serve_app.answering.completion.GRACE_S", 0.0)
    given_up = []

    class Stuck(ScriptedBackend):
        async def complete(self, request: BackendRequest) -> Answer:
            if request.model == "small":
                try:
                    await asyncio.Event().wait()
                finally:
                    given_up.append(request.model)
            return await super().complete(request)

    models = [{**spec, "timeouts": {"total_s": 0.01}} for spec in CATALOG]
    by = await answered(Stuck(), catalog={"models": models})

    assert [(each.model, each.reason) for each in by.failures] == [("small", "stuck")]
    assert (by.model, given_up) == ("other", ["small"])


async def test_of_those_who_wait_for_a_model_one_finds_out_for_the_others():
    class Limited(ScriptedBackend):
        async def complete(self, request: BackendRequest) -> Answer:
            self.requests.append(request)
            first = len(self.requests) <= 2
            if len(self.requests) == 2:
                both.set()
            await both.wait()
            raise RateLimited("wait", retry_after_s=0.01 if first else 60)

    backend, both = Limited(), asyncio.Event()
    made = gateway(backend=backend, retries={"backoff_s": 0.01})
    asking = [made.completions.complete(call_of(made, model="small")) for _ in "ab"]
    errors = await asyncio.gather(*asking, return_exceptions=True)

    assert len(backend.requests) == 3
    assert all(isinstance(error, RateLimited) for error in errors)
    assert min(error.retry_after_s for error in errors) > 50
