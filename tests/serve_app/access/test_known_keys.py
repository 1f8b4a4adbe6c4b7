"""Which tenants there are, and whose each key is."""

import pytest

from deployments.api_key import key_sha256
from deployments.store.snapshot import Snapshot
from deployments.tenancy import TenantConfig
from serve_app.access.known_keys import known_keys, known_tenants
from tests.fakes import app_config


def tenant(id: str, *keys: dict[str, str], **fields: object) -> TenantConfig:
    return TenantConfig.model_validate({"id": id, "alpha": 1, "keys": keys, **fields})


def owners(
    configured: list[TenantConfig],
    stored: list[TenantConfig],
    environment: dict[str, str],
) -> dict[str, str]:
    """Digest → the id of the tenant that it opens."""
    settings = app_config(tenants=configured)
    found = known_keys(settings, Snapshot(1, tuple(stored), {}), environment)
    return {digest: tenant.id for digest, (tenant, _) in found}


def test_the_store_s_count_where_the_configuration_has_the_same_and_come_last():
    settings = app_config(tenants=[tenant("b"), tenant("a", name="file's")])
    found = known_tenants(settings, Snapshot(1, (tenant("b", name="store's"),), {}))

    assert [(each.id, each.name) for each in found.values()] == [
        ("a", "file's"),
        ("b", "store's"),
    ]


def test_without_a_store_there_is_the_configuration():
    assert [*known_tenants(app_config(), None)] == ["t"]
    [(digest, (found, key))] = known_keys(app_config(), None, {"TEST_KEY": "k"})

    assert (digest, found.id, key.key_id) == (key_sha256("k"), "t", "env:TEST_KEY")


@pytest.mark.parametrize("secret", ["k", "k\n", " k \r\n"])
def test_white_space_around_a_variable_is_no_part_of_the_key(secret):
    assert owners([tenant("a", {"env": "K"})], [], {"K": secret}) == {
        key_sha256("k"): "a"
    }


@pytest.mark.parametrize("environment", [{}, {"K": ""}, {"K": " \n"}])
def test_a_variable_that_holds_nothing_is_no_key(environment):
    assert owners([tenant("a", {"env": "K"})], [], environment) == {}


def test_a_key_of_two_tenants_is_the_store_s():
    named, listed = {"env": "K"}, {"sha256": key_sha256("k")}
    configured, stored = [tenant("z", named)], [tenant("a", listed)]

    assert owners(configured, stored, {"K": "k"}) == {key_sha256("k"): "a"}
