"""Ten thousand tenants do not make ten thousand series."""

from deployments.store.snapshot import Snapshot
from deployments.tenancy import TenantConfig
from serve_app.access.tenants import Directory
from serve_app.observing.tenant_labels import TenantLabels
from tests.fakes import app_config


def directory(*stored: str) -> Directory:
    tenants = tuple(TenantConfig(id=name, alpha=0.5) for name in stored)
    snapshot = Snapshot(version=1, tenants=tenants, cost_tiers={})
    return Directory(app_config(), snapshot=snapshot)


def test_the_configuration_s_tenants_come_first_then_the_store_s_by_id():
    labels = TenantLabels(2)
    known = directory("b", "a")

    assert [labels.of(name, known) for name in ("t", "a", "b", "x")] == [
        *("t", "a", "other", "other")
    ]


def test_a_change_of_the_tenants_is_followed():
    labels = TenantLabels(2)

    assert labels.of("b", directory("b", "a")) == "other"
    assert labels.of("b", directory("b")) == "b"
