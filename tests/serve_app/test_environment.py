"""Variables that a configuration names: what is said of those that are not set."""

from serve_app.environment import idle_keys
from tests.fakes import KEPT, app_config

TENANTS = [
    {"id": "set", "alpha": 0, "keys": [{"env": "SET"}, {"sha256": "0" * 64}]},
    {"id": "unset", "alpha": 0, "keys": [{"env": "UNSET"}], "byok": {"fake": "OWN"}},
]


def test_a_key_that_opens_nothing_is_told_of():
    admin = {"auth": {"admin_key_env": "ADMIN"}}
    config = app_config(tenants=TENANTS, **admin, **KEPT)

    assert list(idle_keys(config, {"SET": "k", "ADMIN": " "})) == [
        "tenants.unset.keys: UNSET is not set: it opens nothing",
        "tenants.unset.byok.fake: OWN is not set: its requests there will fail",
        "auth.admin_key_env: ADMIN is not set: there is no /admin/v1",
    ]
    every = dict.fromkeys(("SET", "UNSET", "OWN", "ADMIN"), "k")
    assert list(idle_keys(config, every)) == []
    assert list(idle_keys(app_config(**admin), every | {"TEST_KEY": "k"})) == [
        "auth.admin_key_env: without a database there is no /admin/v1"
    ]
