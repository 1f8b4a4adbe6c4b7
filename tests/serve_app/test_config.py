"""The configuration: what is refused, and who answers without a key."""

import pytest
from pydantic import ValidationError

from artifacts.errors import BadInput
from serve_app.commands.serve import LOCAL_CONFIG
from serve_app.config import AppConfig
from serve_app.config_file import IMPORT_PATH, read_app_config
from serve_app.config_file import app_config as checked_app_config
from serve_app.gateway import Gateway
from serve_app.live_settings import LiveSettings
from tests.fakes import (
    CATALOG,
    KEPT,
    UPSTREAM,
    FixedRouter,
    app_config,
    gateway,
)


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
        ({"artifacts": {"default": "/a"}}, "'default' is what stands under artifact"),
        ({"artifacts": {"a/b": "/a"}}, "should match pattern"),
        ({"artifacts": {f"n{n}": "/a" for n in range(17)}}, "at most 16 items"),
        ({"rollout": {"active": "x"}}, "rollout: 'x' is not defined"),
        (
            {"rollout": {"canary": {"artifact": "x", "percent": 5}}},
            "rollout: 'x' is not defined",
        ),
        (
            {"rollout": {"shadow": {"artifact": "default", "percent": 101}}},
            "less than or equal to 100",
        ),
        (
            {"tenants": [{"id": "t", "alpha": 1, "artifact": "x"}]},
            r"tenants\.t\.artifact: 'x' is not defined",
        ),
        (
            {"tenants": [{"id": "t", "alpha": 1, "reference_model": "x"}]},
            r"tenants\.t\.reference_model: 'x' is not defined",
        ),
        (
            {"tenants": [{"id": "t", "alpha": 1, "byok": {"fakee": "K"}}]},
            r"tenants\.t\.byok: 'fakee' is not defined",
        ),
        (
            {
                "tenants": [
                    {"id": "t", "alpha": 1, "keys": [{"env": "A", "models": ["x"]}]}
                ]
            },
            r"tenants\.t\.keys\.0\.models: 'x' is not defined",
        ),
        ({"backends": {"upstreams": {"火山": UPSTREAM}}}, "cannot be a backend's name"),
        ({"hosts": {"eco.test": "x"}}, r"hosts\.eco\.test: 'x' is not defined"),
        ({"hosts": {"eco.test:80": "economy"}}, r"eco\.test:80: a host name without"),
        ({"hosts": {"http://eco.test": "economy"}}, "a host name without a port"),
        ({"hosts": {"a.b": "economy", "A.b": "economy"}}, r"A\.b: listed twice"),
        (
            {"tenants": [{"id": "t", "alpha": 1, "soft_budget": 0}]},
            r"tenants\.t\.soft_budget: it takes a database",
        ),
        (
            {
                "tenants": [
                    {"id": "t", "alpha": 1, "keys": [{"env": "A", "rpm_limit": 1}]}
                ]
            },
            r"tenants\.t\.keys\.0\.rpm_limit: it takes a database",
        ),
        ({"cors_origins": ["https://a.test/"]}, r"cors_origins\.0\n.*scheme://host"),
        ({"cors_origins": ["https://*.a.test"]}, "scheme://host"),
        ({"cors_origins": ["https://A.test"]}, "scheme://host"),
        ({"cors_origins": ["a.test"]}, "scheme://host"),
        ({"database": {"url": "sqlite:///x"}}, "database: usage.journal is needed"),
        (
            {
                "rollout": {"shadow": {"artifact": "default", "percent": 1}},
                "database": {"url": "sqlite:///x"},
                "usage": {"journal": "x"},
            },
            "rollout: with a database the admin API sets it",
        ),
    ],
)
def test_mistakes_are_refused(changes, what):
    with pytest.raises(ValidationError, match=what):
        app_config(**changes)


@pytest.mark.parametrize(("key", "backend"), [("", "simulator"), ("k", "openrouter")])
def test_the_simulator_stands_in_while_there_is_no_key(monkeypatch, key, backend):
    monkeypatch.setenv("OPENROUTER_API_KEY", key)

    config = read_app_config(LOCAL_CONFIG)

    assert config.backend_names == {backend}


@pytest.mark.parametrize("key", [{"env": "A"}, {"sha256": "0f" * 32}])
def test_a_key_is_one_tenant_s(key):
    tenants = [{"id": name, "alpha": 1, "keys": [key]} for name in ("one", "two")]

    with pytest.raises(ValidationError) as refused:
        app_config(tenants=tenants)
    [error] = refused.value.errors(include_input=False)
    what = "Value error, tenants.two.keys.0: the tenant 'one' has the same key"
    assert error["msg"] == what


def test_hosts_are_read_in_small_letters():
    hosts = {"Eco.Example.com": "economy", "::1": "narrow"}

    assert app_config(hosts=hosts).hosts == {
        "eco.example.com": "economy",
        "::1": "narrow",
    }


def test_live_settings_change_whole_or_not_at_all(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")
    made = gateway()
    tenants = [{"id": "t", "alpha": 0.1, "keys": [{"env": "TEST_KEY"}]}]

    made.apply({"tenants": tenants})
    with pytest.raises(ValidationError):
        made.apply({"tenants": [{"id": "t", "cost_tier": "gold"}]})
    with pytest.raises(ValueError, match="max_budget: it takes a database"):
        made.apply({"tenants": [{"id": "t", "alpha": 0.2, "max_budget": 1}]})

    assert made.directory.authenticate("Bearer sk-av-t").alpha == 0.1
    assert isinstance(made.directory.settings, LiveSettings)


def test_a_path_of_an_artifact_is_made_whole_and_an_address_left_alone(tmp_path):
    located = {"a": "somewhere/a", "b": "s3://bucket/b", "c": str(tmp_path)}
    config = app_config(artifacts=located)

    assert config.artifacts["a"].startswith("/")
    assert config.artifacts["a"].endswith("/somewhere/a")
    assert config.artifacts["b"] == "s3://bucket/b"
    assert config.artifacts["c"] == str(tmp_path)


def test_a_rollout_changes_while_serving_without_a_database():
    made = gateway(artifacts={"a": "/a"})
    made.apply({"rollout": {"active": "a"}})

    choice = made.directory.rollouts.choice(made.directory.settings.tenants[0], str)
    assert choice is not None
    assert choice.deciding[0].location == "/a"


LIVE = {
    "catalog": {"models": CATALOG},
    "cost_tiers": {"economy": {"alpha": 0.2}},
    "tenants": [{"id": "t", "alpha": 0.5, "keys": [{"env": "TEST_KEY"}]}],
    "default_model": "large",
}
BACKENDS = {"upstreams": {"fake": UPSTREAM}, "deploy": ["fake"]}


def serve_yaml(args, live):
    gateway = {"name": "Gateway", "user_config": live}
    app = {"import_path": IMPORT_PATH, "args": args, "deployments": [gateway]}
    return {"applications": [app]}


def test_what_user_config_says_is_in_force(tmp_path):
    config = checked_app_config(serve_yaml({"backends": BACKENDS}, LIVE), tmp_path)

    assert config.catalog.ids == ("small", "large", "other")
    assert config.backend_names == {"fake"}


@pytest.mark.parametrize(
    ("live", "what"),
    [
        (LIVE | {"artifact": "x"}, r"user_config\.artifact: not a live setting"),
        (LIVE | {"cost_tiers": {"a": {}}}, r"user_config\.cost_tiers\.a\.alpha"),
        ({"cost_tiers": {}}, "catalog: Field required"),
    ],
)
def test_a_mistake_in_user_config_is_named(tmp_path, live, what):
    with pytest.raises(BadInput, match=what):
        checked_app_config(serve_yaml({"backends": BACKENDS}, live), tmp_path)


def test_a_gateway_without_settings_takes_all_of_them_from_user_config(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")
    made = Gateway(AppConfig(backends=BACKENDS), FixedRouter(), {"fake": None})

    with pytest.raises(ValidationError, match="catalog"):
        made.apply({"cost_tiers": {}})
    made.apply(LIVE)

    assert made.directory.authenticate("Bearer sk-av-t").alpha == 0.5


def test_a_tenant_s_own_key_for_no_backend_is_refused_while_serving():
    tenants = [{"id": "t", "alpha": 1, "byok": {"fakee": "K"}}]

    with pytest.raises(ValueError, match=r"tenants\.t\.byok: 'fakee' is not defined"):
        gateway().apply({"tenants": tenants})


def test_a_budget_that_nobody_keeps_is_refused_while_serving():
    tenants = [{"id": "t", "alpha": 1, "max_budget": 5}]

    with pytest.raises(ValueError, match=r"tenants\.t\.max_budget: it takes a databas"):
        gateway().apply({"tenants": tenants})
    gateway(**KEPT).apply({"tenants": tenants})


def test_user_config_counts_alone_and_not_with_what_came_before(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")
    made = gateway()

    made.apply({"cost_tiers": {"gold": {"alpha": 1}, **LIVE["cost_tiers"]}})
    made.apply({"tenants": LIVE["tenants"]})

    assert set(made.directory.cost_tiers) == {"economy", "narrow"}


@pytest.mark.parametrize("name", ["vllm", "x"])
def test_only_known_backends_are_deployed(name):
    with pytest.raises(ValidationError, match=f"deploy: '{name}' is not defined"):
        AppConfig(backends={"deploy": [name]})


def test_with_a_database_user_config_sets_no_rollout(tmp_path):
    made = gateway(
        artifacts={"a": "/a"},
        database={"url": "sqlite:///x"},
        usage={"journal": str(tmp_path)},
    )

    with pytest.raises(ValueError, match="with a database the admin API sets it"):
        made.apply({"rollout": {"active": "a"}})


@pytest.mark.parametrize(
    ("placement", "router", "openrouter"),
    [
        ("gateway", "gateway", "gateway"),
        ({"router": "gateway"}, "gateway", "deployment"),
        ({}, "deployment", "deployment"),
    ],
)
def test_one_word_places_router_and_backends(placement, router, openrouter):
    placed = app_config(placement=placement).placement

    assert (placed.router, placed.openrouter) == (router, openrouter)


def test_a_place_that_is_none_is_refused():
    with pytest.raises(ValidationError, match="'deployment' or 'gateway'"):
        app_config(placement="nowhere")
