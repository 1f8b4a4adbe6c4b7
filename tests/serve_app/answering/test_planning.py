"""From request, URL, header and tenant to α and candidates."""

import pytest

from deployments.errors import Forbidden, InvalidRequest, NotFound, ServingError
from serve_app.access.tenants import Directory
from serve_app.answering.chat import Chat, ChatRequest
from serve_app.answering.planning import Asked, Plan, make_plan
from tests.fakes import app_config

NOTHING = Asked()
TENANT = {"id": "t", "alpha": 0.5, "models": ["small", "large"]}


CHEAP, DEAR = 1e-6, 1e-5
PRICED = [
    {
        "id": name,
        "backend": "simulator",
        "upstream_model": name,
        "price": {"input_usd_per_token": price, "output_usd_per_token": price},
    }
    for name, price in (("small", CHEAP), ("large", DEAR), ("other", None))
]


def plan(asked: Asked = NOTHING, tenant: dict | None = None, **body: object) -> Plan:
    return plan_of({}, asked, tenant, **body)


def plan_of(
    config: dict,
    asked: Asked = NOTHING,
    tenant: dict | None = None,
    **body: object,
) -> Plan:
    keys = [{"env": "KEY"}]
    tenants = [{"keys": keys, **(tenant or TENANT)}]
    made = app_config(tenants=tenants, **config)
    directory = Directory(made, {"KEY": "sk-av-t"})
    message = {"role": "user", "content": "secret"}
    raw = {"messages": [message], **body}
    chat = Chat(ChatRequest.model_validate(raw), raw)
    tenant_of_key = directory.authenticate("Bearer sk-av-t")
    return make_plan(directory, tenant_of_key, chat, asked, made.surfaces_of)


@pytest.mark.parametrize(
    ("asked", "body", "alpha", "candidates"),
    [
        (Asked(), {}, 0.5, ("small", "large")),
        (Asked(), {"model": "auto"}, 0.5, ("small", "large")),
        (Asked(), {"model": "auto:narrow"}, 0.9, ("small",)),
        (Asked("economy"), {}, 0.2, ("small", "large")),
        (Asked("narrow"), {"model": "auto:narrow"}, 0.9, ("small",)),
        (Asked(alpha=0.0), {}, 0.0, ("small", "large")),
        (Asked(alpha=0.7), {"routing": {"alpha": 0.1}}, 0.1, ("small", "large")),
        (Asked(alpha=0.7), {"routing": {"alpha": 0.0}}, 0.0, ("small", "large")),
        (Asked("economy"), {"routing": {"alpha": 0.2}}, 0.2, ("small", "large")),
        (Asked(), {"routing": {"models": ["large", "other"]}}, 0.5, ("large",)),
        (Asked(), {"routing": {"exclude": ["large"]}}, 0.5, ("small",)),
        (Asked(), {"tools": [{}]}, 0.5, ("large",)),
    ],
)
def test_what_may_answer_and_at_which_alpha(asked, body, alpha, candidates):
    made = plan(asked, **body)

    assert (made.alpha, made.candidates) == (alpha, candidates)
    assert made.fixed_model is None


def test_a_tenant_s_own_tier_counts_unless_the_client_says_otherwise():
    tenant = {"id": "t", "cost_tier": "narrow"}

    assert plan(tenant=tenant).candidates == ("small",)
    assert plan(tenant=tenant).cost_tier == "narrow"
    freed = plan(Asked(alpha=0.3), tenant)
    assert (freed.alpha, freed.cost_tier) == (0.3, None)
    assert freed.candidates == ("small", "large", "other")


@pytest.mark.parametrize(
    ("asked", "body", "alpha"),
    [
        (Asked(), {}, 0.7),
        (Asked(alpha=0.0), {}, 0.0),
        (Asked(alpha=0.3), {"model": "auto"}, 0.3),
        (Asked(alpha=0.3), {"routing": {"alpha": 0.1}}, 0.1),
    ],
)
def test_what_a_request_says_counts_before_its_key_and_the_body_before_a_header(
    asked, body, alpha
):
    keys = [{"env": "KEY", "alpha": 0.7}]

    assert plan(asked, {"id": "t", "alpha": 0.5, "keys": keys}, **body).alpha == alpha


def test_a_price_ceiling_leaves_out_what_is_dearer_and_what_has_no_price():
    ceiling = {"input_usd_per_token": 2 * CHEAP}
    tiers = {"cheap": {"alpha": 1, "max_price": ceiling}}
    config = {"catalog": {"models": PRICED}, "cost_tiers": tiers}
    made = plan_of(config, Asked("cheap"), {"id": "t", "alpha": 0.5})

    assert made.candidates == ("small",)
    assert made.excluded == {
        "large": "its price is above the max_price of the cost tier 'cheap'",
        "other": "its price is not known, and the cost tier 'cheap' has a max_price",
    }


@pytest.mark.parametrize(
    ("ceiling", "candidates"),
    [
        ({"input_usd_per_token": DEAR}, ("small", "large")),
        ({"output_usd_per_token": CHEAP}, ("small",)),
    ],
)
def test_what_costs_just_the_ceiling_is_below_it_and_answers_have_one_too(
    ceiling, candidates
):
    tiers = {"cheap": {"alpha": 1, "max_price": ceiling}}
    config = {"catalog": {"models": PRICED}, "cost_tiers": tiers}

    made = plan_of(config, Asked("cheap"), {"id": "t", "alpha": 0.5})
    assert made.candidates == candidates


PINNED = {
    "id": "t",
    "alpha": 0.5,
    "keys": [{"env": "KEY", "cost_tier": "narrow"}],
}


def test_a_key_that_is_pinned_to_a_tier_stays_in_it():
    made = plan(tenant=PINNED)

    assert (made.alpha, made.cost_tier, made.candidates) == (0.9, "narrow", ("small",))
    assert plan(tenant=PINNED, model="small").cost_tier == "narrow"


@pytest.mark.parametrize(
    ("asked", "body", "kind"),
    [
        (Asked(alpha=0.1), {}, InvalidRequest),
        (Asked(), {"routing": {"alpha": 0.1}}, InvalidRequest),
        (Asked("economy"), {}, Forbidden),
        (Asked(), {"model": "auto:economy"}, Forbidden),
        (Asked(), {"model": "large"}, Forbidden),
    ],
)
def test_a_key_that_is_pinned_to_a_tier_cannot_leave_it(asked, body, kind):
    with pytest.raises(kind, match=r"narrow|small"):
        plan(asked, PINNED, **body)


def test_a_model_that_is_named_is_fixed():
    assert plan(model="large").fixed_model == "large"


def test_the_plan_says_why_models_are_left_out():
    made = plan(Asked("narrow"))

    assert made.excluded == {"large": "it is not in the cost tier 'narrow'"}


@pytest.mark.parametrize(
    ("asked", "body", "kind", "param"),
    [
        (Asked("economy"), {"model": "auto:narrow"}, InvalidRequest, "model"),
        (Asked("gold"), {}, NotFound, None),
        (Asked(), {"model": "auto:gold"}, NotFound, "model"),
        (Asked("economy", 0.3), {}, InvalidRequest, "routing.alpha"),
        (Asked(), {"model": "nope"}, NotFound, "model"),
        (Asked(), {"model": "other"}, Forbidden, "model"),
        (Asked(), {"model": "small", "tools": [{}]}, InvalidRequest, "model"),
        (Asked("narrow"), {"tools": [{}]}, InvalidRequest, "routing"),
        (Asked(), {"routing": {"exclude": ["x"]}}, InvalidRequest, "routing.exclude"),
        (Asked(), {"routing": {"models": ["other"]}}, InvalidRequest, "routing"),
    ],
)
def test_what_is_not_to_be_had(asked, body, kind, param):
    with pytest.raises(ServingError) as raised:
        plan(asked, **body)

    assert type(raised.value) is kind
    assert raised.value.param == param
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "body", [{"model": "auto:narrow"}, {"routing": {"alpha": 0.3}}]
)
def test_two_wishes_that_exclude_each_other_have_a_code(body):
    with pytest.raises(InvalidRequest) as raised:
        plan(Asked("economy"), **body)

    assert raised.value.code == "cost_tier_conflict"
