"""Keys, and what they open."""

from datetime import UTC, datetime, timedelta

import pytest

from deployments.api_key import key_sha256
from deployments.errors import Forbidden, NotFound, Overloaded, Unauthenticated
from deployments.store.snapshot import Snapshot
from deployments.tenancy import CostTier, KeyConfig, TenantConfig
from serve_app.access.tenants import Directory, Tenant
from tests.fakes import KEPT, app_config, gateway

KEYS = [{"env": "A_KEY"}, {"env": "UNSET"}, {"sha256": key_sha256("sk-av-b")}]
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def directory(environment: dict[str, str] | None = None) -> Directory:
    tenant = {"id": "t", "cost_tier": "economy", "keys": KEYS}
    tenant |= {"models": ["small"], "allowed_cost_tiers": ["economy"]}
    config = app_config(tenants=[tenant, {"id": "free", "alpha": 1}])
    return Directory(config, environment or {"A_KEY": "sk-av-a", "UNSET": ""})


def tenant() -> Tenant:
    return directory().authenticate("Bearer sk-av-a")


def opened(key: dict, at: datetime = NOON, **fields: object) -> Tenant:
    """What a key of the tenant `t` opens."""
    keys = [{"sha256": key_sha256("sk-av-k"), **key}]
    made = {"id": "t", "cost_tier": "economy", "keys": keys, **fields}
    config = app_config(tenants=[made], **KEPT)
    return Directory(config, {}, clock=lambda: at).authenticate("Bearer sk-av-k")


def snapshot(*tenants: TenantConfig, **cost_tiers: CostTier) -> Snapshot:
    return Snapshot(7, tenants, cost_tiers)


def stored(id: str, secret: str, **fields: object) -> TenantConfig:
    keys = (KeyConfig(sha256=key_sha256(secret)),)
    return TenantConfig.model_validate({"id": id, "alpha": 0.3, "keys": keys, **fields})


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

    assert raised.value.code == "invalid_api_key"
    assert "sk-av-a" not in str(raised.value)


def test_a_key_whose_variable_is_empty_opens_nothing():
    with pytest.raises(Unauthenticated):
        directory({"A_KEY": ""}).authenticate("Bearer ")


def test_a_key_expires_while_the_directory_stands():
    now = [NOON]
    keys = [{"sha256": key_sha256("sk-av-k"), "expires_at": NOON + timedelta(hours=1)}]
    config = app_config(tenants=[{"id": "t", "alpha": 1, "keys": keys}])
    of_today = Directory(config, {}, clock=lambda: now[0])

    assert of_today.authenticate("Bearer sk-av-k").id == "t"
    now[0] += timedelta(hours=1)
    with pytest.raises(Unauthenticated) as raised:
        of_today.authenticate("Bearer sk-av-k")
    assert (raised.value.status, raised.value.code) == (401, "expired_api_key")


def test_a_revoked_key_is_told_apart():
    with pytest.raises(Unauthenticated) as raised:
        opened({"revoked": True, "expires_at": NOON})

    assert raised.value.code == "revoked_api_key"


def test_the_key_s_id_is_that_of_the_store():
    assert opened({}).key_id == key_sha256("sk-av-k")[:12]
    assert opened({"id": "mine"}).key_id == "mine"
    assert tenant().key_id == "env:A_KEY"


def test_limits_and_budget_come_with_the_tenant():
    found = opened({"rpm_limit": 5}, max_budget=2.5, tpm_limit=100)

    assert (found.config.max_budget, found.config.tpm_limit) == (2.5, 100)
    assert found.key.rpm_limit == 5


ALL = "large other small"


@pytest.mark.parametrize(
    ("key", "fields", "auto", "tiers", "models"),
    [
        ({}, {}, (0.2, "economy"), "economy narrow", ALL),
        ({"alpha": 0.7}, {}, (0.7, None), "economy narrow", ALL),
        ({"models": ["small"]}, {}, (0.2, "economy"), "economy narrow", "small"),
        (
            {"models": ["small"]},
            {"models": ["large"]},
            (0.2, "economy"),
            "economy narrow",
            "",
        ),
        ({"cost_tier": "narrow"}, {}, (0.9, "narrow"), "narrow", "small"),
        (
            {"cost_tier": "economy"},
            {"allowed_cost_tiers": []},
            (0.2, "economy"),
            "economy",
            ALL,
        ),
        (
            {"cost_tier": "narrow"},
            {"allowed_cost_tiers": ["economy"]},
            (0.9, "narrow"),
            "",
            "small",
        ),
    ],
)
def test_a_key_opens_less_than_its_tenant(key, fields, auto, tiers, models):
    found = opened(key, **fields)

    assert (found.alpha, found.cost_tier) == auto
    assert found.allowed_cost_tiers == set(tiers.split())
    assert found.models == set(models.split())
    assert found.pinned == ("cost_tier" in key)


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("narrow", Forbidden, "cost_tier_not_allowed"),
        ("gold", NotFound, "cost_tier_not_found"),
    ],
)
def test_tiers_of_others(name, error, code):
    assert directory().tier("economy", tenant(), None).alpha == 0.2
    with pytest.raises(error, match="Yours: economy") as raised:
        directory().tier(name, tenant(), "model")
    assert (raised.value.code, raised.value.param) == (code, "model")


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [("large", Forbidden, "model_not_allowed"), ("x", NotFound, "model_not_found")],
)
def test_models_of_others(name, error, code):
    assert directory().spec("small", tenant()).id == "small"
    with pytest.raises(error, match=repr(name)) as raised:
        directory().spec(name, tenant())
    assert (raised.value.code, raised.value.param) == (code, "model")


def test_the_store_s_tenants_come_beside_the_file_s_and_count_before_them():
    replaced = stored("t", "sk-av-new", name="theirs")
    config = app_config()
    both = Directory(config, {"TEST_KEY": "sk-av-t"}, snapshot(stored("u", "sk-av-u")))
    over = Directory(config, {"TEST_KEY": "sk-av-t"}, snapshot(replaced))

    assert both.authenticate("Bearer sk-av-t").id == "t"
    assert both.authenticate("Bearer sk-av-u").alpha == 0.3
    assert over.authenticate("Bearer sk-av-new").config.name == "theirs"
    with pytest.raises(Unauthenticated):
        over.authenticate("Bearer sk-av-t")


def test_a_key_of_both_is_the_store_s():
    environment = {"TEST_KEY": "sk-av-t"}
    made = Directory(app_config(), environment, snapshot(stored("u", "sk-av-t")))

    assert made.authenticate("Bearer sk-av-t").id == "u"


def test_the_store_s_tiers_count_before_the_file_s():
    tiers = {"economy": CostTier(alpha=0.1), "gold": CostTier(alpha=1)}
    gold = stored("u", "sk-av-u", alpha=None, cost_tier="gold")
    made = Directory(app_config(), {"TEST_KEY": "sk-av-t"}, snapshot(gold, **tiers))
    found = made.authenticate("Bearer sk-av-u")

    assert found.alpha == 1
    assert found.allowed_cost_tiers == {"economy", "narrow", "gold"}
    assert made.tier("economy", found, None).alpha == 0.1


def test_models_of_the_store_that_the_catalog_lacks_open_nothing():
    gone = stored("u", "sk-av-u", models=["small", "gone"], default_model="gone")
    found = Directory(app_config(), {}, snapshot(gone)).authenticate("Bearer sk-av-u")

    assert (found.models, found.default_model) == ({"small"}, "large")


def test_a_key_with_an_alpha_does_not_need_its_tenant_s_tier():
    digests = {name: key_sha256(f"sk-av-{name}") for name in ("own", "none")}
    keys = [{"sha256": digests["own"], "alpha": 0.7}, {"sha256": digests["none"]}]
    gone = stored("u", "sk-av-u", alpha=None, cost_tier="gone", keys=keys)
    made = Directory(app_config(), {}, snapshot(gone))

    found = made.authenticate("Bearer sk-av-own")
    assert (found.alpha, found.cost_tier) == (0.7, None)
    with pytest.raises(Forbidden, match="'gone' of this key is not defined any more"):
        made.authenticate("Bearer sk-av-none")


def test_a_tenant_s_own_default_model_counts():
    assert opened({}, default_model="small").default_model == "small"
    assert opened({}).default_model == "large"


def test_no_key_is_called_unknown_before_the_store_was_heard_of(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")
    made = gateway(**KEPT)
    made.apply({})
    with pytest.raises(Overloaded) as raised:
        made.directory.authenticate("Bearer sk-av-u")

    assert raised.value.retry_after_s == 1
    assert made.directory.authenticate("Bearer sk-av-t").id == "t"
    made.take(snapshot())
    with pytest.raises(Unauthenticated):
        made.directory.authenticate("Bearer sk-av-u")
