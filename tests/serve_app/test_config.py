"""The configuration: what is refused, and who answers without a key."""

import pytest
from pydantic import ValidationError

from artifacts.errors import BadInput
from serve_app.commands.serve import LOCAL_CONFIG
from serve_app.config import LiveSettings
from serve_app.config_file import app_config as read_app_config
from serve_app.launching.serve_config import read_config
from tests.fakes import CATALOG, app_config, gateway


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"unknown": 1}, "Extra inputs"),
        ({"default_model": "x"}, "'x' is not defined"),
        ({"cost_tiers": {"t": {"alpha": 2}}}, "less than or equal to 1"),
        ({"cost_tiers": {"t": {"alpha": 0, "models": ["x"]}}}, "'x' is not defined"),
        ({"tenants": [{"id": "t"}]}, "either cost_tier or alpha"),
        ({"tenants": [{"id": "t", "cost_tier": "gold"}]}, "'gold' is not defined"),
        ({"tenants": [{"id": "t", "alpha": 1}] * 2}, "listed twice"),
        ({"catalog": {"models": CATALOG + CATALOG[:1]}}, "listed twice"),
    ],
)
def test_mistakes_are_refused(changes, what):
    with pytest.raises(ValidationError, match=what):
        app_config(**changes)


@pytest.mark.parametrize(("key", "backend"), [("", "simulator"), ("k", "openrouter")])
def test_the_simulator_stands_in_while_there_is_no_key(monkeypatch, key, backend):
    monkeypatch.setenv("OPENROUTER_API_KEY", key)

    config = read_app_config(read_config(LOCAL_CONFIG), LOCAL_CONFIG)

    assert config.backend_names == {backend}


def test_a_field_is_named_with_its_file(tmp_path):
    path = tmp_path / "s.yaml"
    data = {"applications": [{"import_path": "serve_app.app:build_app", "args": {}}]}

    with pytest.raises(BadInput, match=r"s\.yaml: args\.catalog: Field required"):
        read_app_config(data, path)


def test_live_settings_change_whole_or_not_at_all(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")
    made = gateway()
    tenants = [{"id": "t", "alpha": 0.1, "keys": [{"env": "TEST_KEY"}]}]

    made.apply({"tenants": tenants})
    with pytest.raises(ValidationError):
        made.apply({"tenants": [{"id": "t", "cost_tier": "gold"}]})

    assert made.directory.authenticate("Bearer sk-av-t").alpha == 0.1
    assert isinstance(made.directory.settings, LiveSettings)
