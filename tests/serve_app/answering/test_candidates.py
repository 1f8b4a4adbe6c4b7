"""What is kept of one request's candidates does not mislead the next one."""

from collections.abc import Iterator

import pytest

from deployments.errors import InvalidRequest
from serve_app.access.tenants import Directory
from serve_app.answering.chat import Chat, ChatRequest, RoutingOptions
from serve_app.answering.planning import Asked, Plan, make_plan
from serve_app.answering.unsuitable import TOO_LONG
from serve_app.http.surfaces.completions import parse_completion
from tests.fakes import app_config

MODELS = [
    {
        "id": name,
        "backend": backend,
        "upstream_model": name,
        "context_window": window,
        "max_output_tokens": window // 2,
        "capabilities": capabilities,
    }
    for name, window, capabilities, backend in (
        ("small", 1000, [], "chatting"),
        ("large", 100_000, ["tools"], "chatting"),
        ("other", 100_000, [], "completing"),
    )
]
UPSTREAMS = {
    "chatting": {"base_url": "http://nowhere/v1/"},
    "completing": {
        "base_url": "http://nowhere/v1/",
        "surfaces": ["chat/completions", "completions"],
    },
}
TENANTS = [
    {"id": "all", "alpha": 0.5, "keys": [{"env": "ALL"}]},
    {"id": "few", "alpha": 0.5, "models": ["large"], "keys": [{"env": "FEW"}]},
]


class Planner:
    """Plans on one view of the settings, as a Gateway does."""

    def __init__(self, surfaces: list[str] | None = None) -> None:
        upstreams = UPSTREAMS
        if surfaces:
            upstreams = {
                name: {**upstream, "surfaces": surfaces}
                for name, upstream in UPSTREAMS.items()
            }
        self._config = app_config(
            catalog={"models": MODELS},
            tenants=TENANTS,
            backends={"upstreams": upstreams},
        )
        self._directory = Directory(self._config, {"ALL": "a", "FEW": "f"})

    def __call__(
        self, key: str = "a", text: str = "hi", tier: str | None = None, **body: object
    ) -> Plan:
        raw = {"messages": [{"role": "user", "content": text}], **body}
        return self.planned(Chat(ChatRequest.model_validate(raw), raw), key, tier)

    def planned(self, chat: Chat, key: str = "a", tier: str | None = None) -> Plan:
        tenant = self._directory.authenticate(f"Bearer {key}")
        surfaces_of = self._config.surfaces_of
        return make_plan(self._directory, tenant, chat, Asked(tier), surfaces_of)


def test_a_long_prompt_leaves_out_what_is_too_small_for_it_alone():
    plan = Planner()
    long = "alpha beta gamma delta " * 500

    assert plan().candidates == ("small", "large", "other")
    assert plan(text=long).candidates == ("large", "other")
    assert plan(text=long).excluded["small"].startswith(f"{TOO_LONG} 1000")
    assert plan().candidates == ("small", "large", "other")
    assert plan().excluded == {}


def test_a_long_answer_leaves_out_what_cannot_give_it():
    plan = Planner()

    assert plan(max_tokens=600).candidates == ("large", "other")
    assert plan(max_tokens=60).candidates == ("small", "large", "other")


def test_prompt_and_answer_have_to_fit_the_window_together():
    plan = Planner()
    text = "alpha beta gamma delta " * 150  # fits 1000 tokens, but not with 500 more

    assert plan(text=text).candidates == ("small", "large", "other")
    both = plan(text=text, max_tokens=500)
    assert both.candidates == ("large", "other")
    assert both.excluded["small"].startswith(f"{TOO_LONG} 1000")


def test_what_an_upstream_answers_is_told_apart_by_the_path():
    plan = Planner()
    text = parse_completion(b'{"prompt": "hi"}')

    assert plan().candidates == ("small", "large", "other")
    assert plan.planned(text).candidates == ("other",)
    assert plan().candidates == ("small", "large", "other")


def test_tenants_needs_and_wishes_are_told_apart():
    plan = Planner()

    assert plan().candidates == ("small", "large", "other")
    assert plan("f").candidates == ("large",)
    assert plan(tools=[{}]).candidates == ("large",)
    assert plan(routing={"exclude": ["large"]}).candidates == ("small", "other")
    assert plan(routing={"models": ["other"]}).candidates == ("other",)
    assert plan().candidates == ("small", "large", "other")


def test_cost_tiers_are_told_apart():
    plan = Planner()

    assert plan().candidates == ("small", "large", "other")
    assert plan(tier="narrow").candidates == ("small",)
    assert plan(tier="economy").candidates == ("small", "large", "other")
    assert plan(tier="narrow").candidates == ("small",)


SHORTENED = [
    {"truncation": "auto"},
    {"transforms": ["middle-out"]},
    {"plugins": [{"id": "web"}, {"id": "context-compression"}]},
]


@pytest.mark.parametrize("asked", SHORTENED)
def test_a_prompt_that_the_upstream_shortens_is_too_long_for_no_window(asked):
    plan = Planner()
    long, longest = ("alpha beta gamma delta " * n for n in (500, 30_000))

    assert plan(text=long, **asked).candidates == ("large", "other")
    assert plan(text=longest, **asked).candidates == ("small", "large", "other")
    assert plan(text=long, model="small", **asked).fixed_model == "small"
    assert plan(text=longest, max_tokens=600, **asked).candidates == ("large", "other")


@pytest.mark.parametrize(
    "asked",
    [
        {"truncation": "disabled"},
        {"truncation": None, "transforms": [], "plugins": []},
        {"plugins": [{"id": "context-compression", "enabled": False}]},
        {"plugins": [None, {"id": ["context-compression"]}], "transforms": {}},
    ],
)
def test_a_prompt_that_nobody_shortens_is_too_long(asked):
    with pytest.raises(InvalidRequest):
        Planner()(text="alpha beta gamma delta " * 500, model="small", **asked)


class Listed(list[str]):
    """A client's list, which counts how often it is read from end to end."""

    scans = 0

    def __iter__(self) -> Iterator[str]:
        self.scans += 1
        return super().__iter__()

    def __contains__(self, model: object) -> bool:
        self.scans += 1
        return super().__contains__(model)


@pytest.mark.parametrize("field", ["models", "exclude"])
def test_a_long_list_of_models_is_not_read_for_each_model(field):
    listed = Listed(["small"])
    request = ChatRequest.model_validate({"messages": [{"role": "user"}]})
    routing = RoutingOptions.model_construct(**{field: listed})
    chat = Chat(request.model_copy(update={"routing": routing}), {"messages": []})
    Planner().planned(chat)

    assert listed.scans <= 2
