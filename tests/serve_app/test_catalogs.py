"""The ready catalogs, as `avengers fit --catalog` and `serve --config` read them."""

from pathlib import Path

import pytest

import serve_app
from artifacts.paper.published import load_published
from serve_app.commands.catalog_prices import catalog_prices
from serve_app.config import AppConfig
from serve_app.config_file import read_app_config
from serve_app.launching.serve_config import read_serve_yaml, with_address

PAPER = Path(serve_app.__path__[0]) / "catalogs/paper.yaml"


@pytest.fixture
def config() -> AppConfig:
    return read_app_config(PAPER)


def test_the_paper_s_models_have_the_ids_of_its_records(config: AppConfig) -> None:
    rows = load_published("paper").singles

    assert sorted(config.catalog.ids) == sorted(row.model or "" for row in rows)


@pytest.mark.parametrize(
    ("model", "input_usd", "output_usd"),
    # USD per million tokens: Table 1 of the paper.
    [
        ("google/gemini-2.5-flash", 0.30, 2.50),
        ("google/gemini-2.5-pro", 1.25, 10),
        ("anthropic/claude-opus-4.1", 15, 75),
        ("anthropic/claude-sonnet-4", 3, 15),
        ("openai/gpt-5-chat", 1.25, 10),
        ("openai/gpt-5-medium", 1.25, 10),
        ("qwen/qwen3-235b-a22b-2507", 0.13, 0.6),
        ("qwen/qwen3-235b-a22b-thinking-2507", 0.13, 0.6),
    ],
)
def test_prices_are_those_of_the_paper(
    config: AppConfig, model: str, input_usd: float, output_usd: float
) -> None:
    price = config.catalog.by_id()[model].price

    assert price.cost_usd(1_000_000, 0) == pytest.approx(input_usd)
    assert price.cost_usd(0, 1_000_000) == pytest.approx(output_usd)


def test_only_gpt_5_chat_cannot_call_tools(config: AppConfig) -> None:
    without = [s.id for s in config.catalog.models if "tools" not in s.capabilities]

    assert without == ["openai/gpt-5-chat"]


def test_gpt_5_medium_is_gpt_5_with_medium_effort(config: AppConfig) -> None:
    spec = config.catalog.by_id()["openai/gpt-5-medium"]

    assert spec.upstream_model == "openai/gpt-5"
    assert spec.request_defaults == {"reasoning": {"effort": "medium"}}


@pytest.mark.parametrize("model", ["openai/gpt-5-medium", "google/gemini-2.5-pro"])
def test_a_model_that_thinks_unseen_has_minutes_to_begin(config, model):
    assert config.catalog.by_id()[model].timeouts.first_token_s >= 300


def test_fit_notes_a_price_for_each_model(config: AppConfig) -> None:
    assert set(catalog_prices(PAPER)) == set(config.catalog.ids)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray's own fields
def test_ray_serve_takes_the_file() -> None:
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_validate(with_address(read_serve_yaml(PAPER).data))

    assert [app.name for app in schema.applications] == ["avengers"]


@pytest.mark.parametrize(
    "path", sorted(PAPER.parent.glob("*.yaml")), ids=lambda path: path.name
)
def test_no_answer_is_cut_off_by_the_time_of_its_request(path: Path) -> None:
    config = read_app_config(path)
    longest_s = max(spec.timeouts.total_s for spec in config.catalog.models)

    assert longest_s <= config.limits.request_timeout_s
