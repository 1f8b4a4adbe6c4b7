"""Keys, and what they open."""

import pytest

from deployments.errors import Forbidden, NotFound, Unauthenticated
from serve_app.tenants import Directory, Tenant, key_sha256, new_key
from tests.fakes import app_config

KEYS = [{"env": "A_KEY"}, {"env": "UNSET"}, {"sha256": key_sha256("sk-av-b")}]


def directory(environment: dict[str, str] | None = None) -> Directory:
    tenant = {"id": "t", "cost_tier": "economy", "keys": KEYS}
    tenant |= {"models": ["small"], "allowed_cost_tiers": ["economy"]}
    config = app_config(tenants=[tenant, {"id": "free", "alpha": 1}])
    return Directory(config, environment or {"A_KEY": "sk-av-a", "UNSET": ""})


def tenant() -> Tenant:
    return directory().authenticate("Bearer sk-av-a")


@pytest.mark.parametrize(
    "header", ["Bearer sk-av-a", "bearer sk-av-a", "Bearer  sk-av-a ", "Bearer sk-av-b"]
)
def test_a_key_names_its_tenant(header):
    found = directory().authenticate(header)

    assert (found.id, found.alpha, found.default_model) == ("t", 0.2, "large")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "sk-av-a", "Basic sk-av-a", "Bearer x\xff"],
)
def test_any_other_header_is_refused(header):
    with pytest.raises(Unauthenticated) as raised:
        directory().authenticate(header)

    assert "sk-av-a" not in str(raised.value)


def test_a_key_whose_variable_is_empty_opens_nothing():
    with pytest.raises(Unauthenticated):
        directory({"A_KEY": ""}).authenticate("Bearer ")


@pytest.mark.parametrize(("name", "error"), [("narrow", Forbidden), ("gold", NotFound)])
def test_tiers_of_others(name, error):
    assert directory().tier("economy", tenant(), None).alpha == 0.2
    with pytest.raises(error, match="Yours: economy"):
        directory().tier(name, tenant(), None)


@pytest.mark.parametrize(("name", "error"), [("large", Forbidden), ("x", NotFound)])
def test_models_of_others(name, error):
    assert directory().spec("small", tenant()).id == "small"
    with pytest.raises(error, match=repr(name)):
        directory().spec(name, tenant())


def test_new_keys_differ_and_are_stored_as_digests():
    assert new_key() != new_key()
    assert new_key().startswith("sk-av-")
    assert key_sha256("abc").startswith("ba7816bf8f01cfea")
