"""Which tenants there are, and whose each key is: configuration and store as one."""

from collections.abc import Iterator, Mapping

from deployments.api_key import key_sha256
from deployments.store.snapshot import Snapshot
from deployments.tenancy import KeyConfig, TenantConfig
from serve_app.live_settings import LiveSettings


def known_tenants(
    settings: LiveSettings, snapshot: Snapshot | None
) -> dict[str, TenantConfig]:
    """By id; of those that both name, the snapshot's. What counts most comes last."""
    tenants = {tenant.id: tenant for tenant in settings.tenants}
    for stored in snapshot.tenants if snapshot else ():
        tenants.pop(stored.id, None)
        tenants[stored.id] = stored
    return tenants


def known_keys(
    settings: LiveSettings, snapshot: Snapshot | None, environment: Mapping[str, str]
) -> Iterator[tuple[str, tuple[TenantConfig, KeyConfig]]]:
    """Digest → the tenant and the key; of two with one digest the last counts. A key
    whose variable is empty is none."""
    for tenant in known_tenants(settings, snapshot).values():
        for key in tenant.keys:
            if digest := _digest(key, environment):
                yield digest, (tenant, key)


def _digest(key: KeyConfig, environment: Mapping[str, str]) -> str | None:
    if key.sha256 is not None:
        return key.sha256
    # A Secret made with `echo` ends with a line end, which no client sends.
    secret = environment.get(key.env or "", "").strip()
    return key_sha256(secret) if secret else None
