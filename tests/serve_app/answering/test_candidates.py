"""What is kept of one request's candidates does not mislead the next one."""

from serve_app.access.tenants import Directory
from serve_app.answering.chat import Chat, ChatRequest
from serve_app.answering.planning import Asked, Plan, make_plan
from tests.fakes import app_config

MODELS = [
    {
        "id": name,
        "backend": "simulator",
        "upstream_model": name,
        "context_window": window,
        "max_output_tokens": window // 2,
        "capabilities": capabilities,
    }
    for name, window, capabilities in (
        ("small", 1000, []),
        ("large", 100_000, ["tools"]),
        ("other", 100_000, []),
    )
]
TENANTS = [
    {"id": "all", "alpha": 0.5, "keys": [{"env": "ALL"}]},
    {"id": "few", "alpha": 0.5, "models": ["large"], "keys": [{"env": "FEW"}]},
]


class Planner:
    """Plans on one view of the settings, as a Gateway does."""

    def __init__(self) -> None:
        self._config = app_config(catalog={"models": MODELS}, tenants=TENANTS)
        self._directory = Directory(self._config, {"ALL": "a", "FEW": "f"})

    def __call__(self, key: str = "a", text: str = "hi", **body: object) -> Plan:
        raw = {"messages": [{"role": "user", "content": text}], **body}
        chat = Chat(ChatRequest.model_validate(raw), raw)
        tenant = self._directory.authenticate(f"Bearer {key}")
        surfaces_of = self._config.surfaces_of
        return make_plan(self._directory, tenant, chat, Asked(), surfaces_of)


def test_a_long_prompt_leaves_out_what_is_too_small_for_it_alone():
    plan = Planner()
    long = "alpha beta gamma delta " * 500

    assert plan().candidates == ("small", "large", "other")
    assert plan(text=long).candidates == ("large", "other")
    assert plan(text=long).excluded["small"].startswith("its window is 1000")
    assert plan().candidates == ("small", "large", "other")
    assert plan().excluded == {}


def test_a_long_answer_leaves_out_what_cannot_give_it():
    plan = Planner()

    assert plan(max_tokens=600).candidates == ("large", "other")
    assert plan(max_tokens=60).candidates == ("small", "large", "other")


def test_tenants_needs_and_wishes_are_told_apart():
    plan = Planner()

    assert plan().candidates == ("small", "large", "other")
    assert plan("f").candidates == ("large",)
    assert plan(tools=[{}]).candidates == ("large",)
    assert plan(routing={"exclude": ["large"]}).candidates == ("small", "other")
    assert plan(routing={"models": ["other"]}).candidates == ("other",)
    assert plan().candidates == ("small", "large", "other")
