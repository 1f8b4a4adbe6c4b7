"""What the router is asked, and what becomes of its answer."""

import json

import pytest

from deployments.errors import InvalidRequest, NotProfiled, RoutingUnavailable
from deployments.protocol.routing import RouteQuery
from serve_app.answering.chat import Chat, parse_chat
from serve_app.answering.choosing import Choice, Chooser
from serve_app.answering.config import ConversationConfig
from serve_app.answering.planning import Asked, Plan
from serve_app.gateway import Gateway
from tests.fakes import CATALOG, FixedRouter, gateway

CACHED = {
    "input_usd_per_token": 1e-5,
    "output_usd_per_token": 1e-4,
    "cached_usd_per_token": 1e-6,
}
FIRST = {"role": "user", "content": "What is a monad, and what would I need one for?"}
TURNS = [
    FIRST,
    {"role": "assistant", "content": "A monoid."},
    {"role": "user", "content": "Why?"},
]


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")


def made(price: dict | None = None, **config: object) -> Gateway:
    models = [{**spec, "price": price or {}} for spec in CATALOG]
    return gateway(catalog={"models": models}, **config)


def planned(of: Gateway, **body: object) -> tuple[Plan, Chat]:
    chat = parse_chat(json.dumps({"messages": [FIRST], **body}).encode())
    view = of.directory
    return of.plan(view, view.authenticate("Bearer k"), chat, Asked()), chat


def chooser(router: FixedRouter | None = None) -> Chooser:
    asked = router or FixedRouter()

    async def decide(query: RouteQuery):
        routes = await asked.route([query])
        return routes.decisions[0]

    return Chooser(decide, timeout_s=1.0, conversations=ConversationConfig())


def test_most_requests_have_no_terms():
    of = made(CACHED)

    assert chooser().query(*planned(of), of.directory).terms is None


@pytest.mark.parametrize("explain", [True, False])
def test_the_figures_of_each_model_are_asked_for_where_the_client_wants_them(explain):
    of = made()
    asked = planned(of, routing={"explain": explain})

    assert chooser().query(*asked, of.directory).scores is explain


def test_the_tenant_s_artifact_is_asked_to_decide():
    tenants = [{"id": "t", "alpha": 1, "artifact": "a", "keys": [{"env": "TEST_KEY"}]}]
    of = made(artifacts={"a": "/a"}, tenants=tenants)
    query = chooser().query(*planned(of), of.directory)

    assert query.artifacts is not None
    assert [ref.name for ref in query.artifacts.deciding] == ["a", "default"]


def test_a_cap_on_the_cost_comes_with_the_candidates_prices():
    of = made(CACHED)
    query = chooser().query(*planned(of, routing={"max_cost_usd": 0.5}), of.directory)

    assert query.terms is not None
    assert query.terms.max_cost_usd == 0.5
    assert len(query.terms.prices) == len(query.candidates or ())
    assert query.terms.prompt_tokens > 5
    assert query.terms.n_answers == 1


def test_a_cap_on_the_cost_is_one_for_all_answers():
    of = made(CACHED)
    asked = planned(of, routing={"max_cost_usd": 0.5}, n=7)
    query = chooser().query(*asked, of.directory)

    assert query.terms is not None
    assert query.terms.n_answers == 7


def test_a_conversation_that_is_not_known_asks_where_it_began():
    of = made(CACHED)
    query = chooser().query(*planned(of, messages=TURNS), of.directory)

    assert query.terms is not None
    assert (query.terms.home, query.terms.first_text) == (None, FIRST["content"])


async def test_the_model_that_answered_is_the_home_of_the_next_turn():
    of, choosing = made(CACHED), chooser()
    plan, chat = planned(of, routing={"session_id": "s"})
    choice = await choosing.choose(plan, chat, of.directory)
    choosing.answered(choice, "large")

    query = choosing.query(plan, chat, of.directory)

    assert query.terms is not None
    assert (query.terms.home, query.terms.first_text) == ("large", None)


def test_without_a_price_for_cached_tokens_there_is_nothing_to_lose():
    of = made({"input_usd_per_token": 1e-5, "output_usd_per_token": 1e-4})

    assert chooser().query(*planned(of, messages=TURNS), of.directory).terms is None


async def test_a_model_that_is_named_is_not_routed_unless_its_cost_is_capped():
    of, router = made(CACHED), FixedRouter()
    choosing = chooser(router)
    named = await choosing.choose(*planned(of, model="large"), of.directory)
    assert (named.models, named.cause, router.queries) == (("large",), "requested", [])

    capped = planned(of, model="large", routing={"max_cost_usd": 1})
    choice = await choosing.choose(*capped, of.directory)

    assert (choice.models, choice.cause) == (("large",), "requested")
    assert router.queries[0].candidates == ("large",)


async def test_what_the_client_asked_for_in_vain_is_his_error_not_a_fallback():
    of = made(CACHED)
    over = InvalidRequest("too dear", param="routing.max_cost_usd")

    with pytest.raises(InvalidRequest):
        await chooser(FixedRouter(error=over)).choose(*planned(of), of.directory)


async def test_a_router_that_fails_is_replaced_by_the_default_model():
    of = made()
    gone = FixedRouter(error=RoutingUnavailable("gone"))
    choice = await chooser(gone).choose(*planned(of), of.directory)

    assert (choice.models, choice.cause) == (("large", "small"), "fallback")


PRICES = {
    "small": {"input_usd_per_token": 1e-6, "output_usd_per_token": 1e-5},
    "large": {"input_usd_per_token": 1e-4, "output_usd_per_token": 1e-3},
    "other": {},  # not known
}


async def unrouted(longest: int | None = None, **body: object) -> Choice:
    """What is chosen while routing fails; `longest`: an answer of each model."""
    bounds = {"max_output_tokens": longest}
    models = [{**spec, **bounds, "price": PRICES[spec["id"]]} for spec in CATALOG]
    tenant = {"id": "t", "alpha": 0.5, "keys": [{"env": "TEST_KEY"}]}
    of = gateway(catalog={"models": models}, tenants=[tenant])
    down = FixedRouter(error=RoutingUnavailable("gone"))
    return await chooser(down).choose(*planned(of, **body), of.directory)


async def test_while_routing_fails_a_model_that_was_named_has_no_substitute():
    cap = {"max_cost_usd": 0.01}
    choice = await unrouted(model="small", max_tokens=100, routing=cap)

    assert (choice.models, choice.cause) == (("small",), "requested")


async def test_while_routing_fails_a_cap_is_kept_by_what_a_model_costs_at_worst():
    choice = await unrouted(max_tokens=100, routing={"max_cost_usd": 0.01})

    assert (choice.models, choice.cause) == (("small",), "fallback")


@pytest.mark.parametrize("most", [1e-6, 9.0])
async def test_a_model_without_records_is_held_to_a_cap_by_what_it_costs_at_worst(most):
    of = made(PRICES["small"])
    asked = planned(of, model="small", max_tokens=100, routing={"max_cost_usd": most})
    unknown = chooser(FixedRouter(error=NotProfiled("No records.")))

    if most > 1:
        choice = await unknown.choose(*asked, of.directory)
        assert (choice.models, choice.cause) == (("small",), "requested")
    else:
        with pytest.raises(InvalidRequest) as raised:  # 503 would be asked again
            await unknown.choose(*asked, of.directory)
        assert raised.value.param == "routing.max_cost_usd"


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 100, "routing": {"max_cost_usd": 1e-6}},
        {"model": "large", "max_tokens": 100, "routing": {"max_cost_usd": 0.01}},
        {"model": "other", "max_tokens": 100, "routing": {"max_cost_usd": 9.0}},
        {"routing": {"max_cost_usd": 9.0}},  # an answer as long as the model likes
    ],
)
async def test_while_routing_fails_a_cap_that_cannot_be_kept_is_refused(body):
    with pytest.raises(RoutingUnavailable) as raised:
        await unrouted(**body)

    assert raised.value.param == "routing.max_cost_usd"
    assert raised.value.status == 503


@pytest.mark.parametrize(
    ("routing", "models"),
    [
        ({"models": ["other", "small"]}, ("small", "other")),
        ({"exclude": ["large", "small"]}, ("other",)),
    ],
)
async def test_while_routing_fails_no_model_that_was_ruled_out_answers(routing, models):
    assert (await unrouted(routing=routing)).models == models


async def test_while_routing_fails_a_cap_is_one_for_all_answers():
    # One of 100 tokens costs 0.001 USD and its prompt, at worst.
    asked = {"model": "small", "max_tokens": 100, "routing": {"max_cost_usd": 0.005}}

    assert (await unrouted(**asked, n=4)).models == ("small",)
    with pytest.raises(RoutingUnavailable):
        await unrouted(**asked, n=6)


async def test_while_routing_fails_an_answer_is_as_long_as_its_model_writes_at_most():
    asked = {"model": "small", "routing": {"max_cost_usd": 0.005}}

    assert (await unrouted(400, **asked)).models == ("small",)
    with pytest.raises(RoutingUnavailable):
        await unrouted(600, **asked)


async def test_while_routing_fails_an_answer_is_no_longer_than_the_client_allows():
    asked = {"model": "small", "routing": {"max_cost_usd": 0.005}}

    assert (await unrouted(600, max_tokens=100, **asked)).models == ("small",)


async def test_conversations_that_need_not_stay_together_ask_for_no_home():
    of, router = made(CACHED), FixedRouter()

    async def decide(query: RouteQuery):
        return (await router.route([query])).decisions[0]

    apart = ConversationConfig(keep_together=False)
    choosing = Chooser(decide, timeout_s=1.0, conversations=apart)
    plan, chat = planned(of, messages=TURNS)
    choosing.answered(await choosing.choose(plan, chat, of.directory), "large")

    assert choosing.query(plan, chat, of.directory).terms is None


async def test_the_first_request_of_a_session_has_no_home_to_ask_for():
    of = made(CACHED)
    first = planned(of, routing={"session_id": "s"})

    assert chooser().query(*first, of.directory).terms is None
