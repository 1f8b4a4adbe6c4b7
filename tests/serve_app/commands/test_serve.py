"""What `avengers serve` says of keys, what it locks, and how long it waits."""

from pathlib import Path

import pytest

from serve_app.commands import serve
from serve_app.commands.serve import (
    ADMIN_KEY,
    DEV_KEY,
    LOCAL_CONFIG,
    ensure_keys,
    patience_s,
)
from serve_app.config import AppConfig
from serve_app.config_file import read_app_config

CATALOG = {"models": [{"id": "a", "upstream_model": "a", "backend": "simulator"}]}


def own(**settings: object) -> AppConfig:
    """A configuration in whose tenants and `auth` nothing of ours is named."""
    key = {"env": "ACME_KEY"}
    tenants = [{"id": "acme", "alpha": 0.5, "keys": [key]}]
    return AppConfig.model_validate(
        {
            "catalog": CATALOG,
            "cost_tiers": {},
            "default_model": "a",
            "tenants": tenants,
            **settings,
        }
    )


def test_both_keys_of_the_local_configuration_are_made():
    environment: dict[str, str] = {}

    keys = ensure_keys(read_app_config(Path(LOCAL_CONFIG)), environment)

    assert keys == {"key": environment[DEV_KEY], "admin-key": environment[ADMIN_KEY]}
    assert all(key.startswith("sk-av-") for key in keys.values())


def test_one_that_is_set_stays_and_is_not_said_and_an_empty_one_is_not_set():
    environment = {DEV_KEY: "sk-av-mine", ADMIN_KEY: ""}

    keys = ensure_keys(read_app_config(Path(LOCAL_CONFIG)), environment)

    assert environment[DEV_KEY] == "sk-av-mine"
    assert keys == {"key": "$AVENGERS_DEV_KEY", "admin-key": environment[ADMIN_KEY]}
    assert keys["admin-key"].startswith("sk-av-")
    example = serve._example("http://h", keys["key"])
    assert '-H "Authorization: Bearer $AVENGERS_DEV_KEY"' in example


def test_an_operator_s_admin_key_is_not_printed_nor_one_that_opens_nothing():
    local = read_app_config(Path(LOCAL_CONFIG))
    environment = {DEV_KEY: "sk-av-mine", ADMIN_KEY: "sk-av-admin"}
    kept_nowhere = own(auth={"admin_key_env": ADMIN_KEY})

    said = ensure_keys(local, environment)
    assert said == {"key": f"${DEV_KEY}", "admin-key": f"${ADMIN_KEY}"}
    assert environment[ADMIN_KEY] == "sk-av-admin"
    assert ensure_keys(kept_nowhere, {}) == {}


def test_a_key_that_would_open_nothing_is_not_said():
    environment: dict[str, str] = {}

    assert ensure_keys(own(), environment) == {}
    assert ensure_keys(own(auth={"admin_key_env": "MY_ADMIN_KEY"}), environment) == {}
    assert environment == {}


@pytest.mark.parametrize(
    ("place", "is_there"),
    [
        ("$AVENGERS_VAR/usage", True),
        ("${AVENGERS_VAR}/usage", True),
        ("$AVENGERS_VAR", True),
        ("$AVENGERS_VARIOUS/usage", False),
        ("/srv/AVENGERS_VAR/usage", False),
    ],
)
def test_the_state_directory_is_locked_if_anything_lies_there(place, is_there):
    assert serve._keeps_state(own(usage={"journal": place})) == is_there
    database = {"url": f"sqlite:///{place}/a.db"}
    whole = own(usage={"journal": "/elsewhere"}, database=database)
    assert serve._keeps_state(whole) == is_there


def test_a_large_model_has_an_hour_to_start():
    catalogs = sorted(LOCAL_CONFIG.parent.glob("catalogs/qwen3-235b-*.yaml"))

    assert len(catalogs) == 3
    assert [patience_s(read_app_config(path)) for path in catalogs] == [3600.0] * 3
    assert patience_s(own(artifact="s3://bucket/router")) == 3600.0
    assert patience_s(read_app_config(LOCAL_CONFIG)) == 120.0
