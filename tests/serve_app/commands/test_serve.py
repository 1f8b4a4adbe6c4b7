"""What `avengers serve` says of keys."""

from pathlib import Path

from serve_app.commands.serve import ADMIN_KEY, DEV_KEY, LOCAL_CONFIG, ensure_keys
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


def test_those_that_are_set_stay_and_an_empty_one_is_not_set():
    environment = {DEV_KEY: "sk-av-mine", ADMIN_KEY: ""}

    keys = ensure_keys(read_app_config(Path(LOCAL_CONFIG)), environment)

    assert keys["key"] == "sk-av-mine"
    assert keys["admin-key"].startswith("sk-av-")


def test_an_operator_s_admin_key_is_not_printed_nor_one_that_opens_nothing():
    local = read_app_config(Path(LOCAL_CONFIG))
    environment = {DEV_KEY: "sk-av-mine", ADMIN_KEY: "sk-av-admin"}
    kept_nowhere = own(auth={"admin_key_env": ADMIN_KEY})

    assert ensure_keys(local, environment) == {"key": "sk-av-mine"}
    assert environment[ADMIN_KEY] == "sk-av-admin"
    assert ensure_keys(kept_nowhere, {}) == {}


def test_a_key_that_would_open_nothing_is_not_said():
    environment: dict[str, str] = {}

    assert ensure_keys(own(), environment) == {}
    assert ensure_keys(own(auth={"admin_key_env": "MY_ADMIN_KEY"}), environment) == {}
    assert environment == {}
