"""Tenants, keys and changes as JSON. No secret, nor what is stored of one."""

from typing import Any

from artifacts.location import is_remote
from artifacts.remote import shown
from deployments.store.snapshot import Change
from deployments.tenancy import KeyConfig, TenantConfig

_SHOWN_OF_SHA256 = 12  # what a key's id shows of it


def shown_key(key: KeyConfig) -> dict[str, Any]:
    """A key: by its id, without what is stored of its secret."""
    fields = key.model_dump(mode="json", exclude={"id", "sha256"})
    return {"id": key.key_id, **fields}


def shown_tenant(tenant: TenantConfig) -> dict[str, Any]:
    """A tenant; its keys as `shown_key` has them."""
    fields = tenant.model_dump(mode="json", exclude={"keys"})
    return {**fields, "keys": [shown_key(key) for key in tenant.keys]}


def shown_location(location: str) -> str:
    """Where an artifact lies: an address without user, password and query."""
    return shown(location) if is_remote(location) else location


def shown_change(change: Change) -> dict[str, Any]:
    """A change; `fields`: name → before and after."""
    fields = {
        name: {"before": public(before, name), "after": public(after, name)}
        for name, (before, after) in change.fields.items()
    }
    return {"kind": change.kind, "of": change.of, "id": change.id, "fields": fields}


def public(value: Any, name: str = "") -> Any:
    """A field of a change; of a key's digest no more than its id shows, and of an
    address no password."""
    if name == "location" and value is not None:
        return shown_location(value)
    if isinstance(value, dict) and "sha256" in value:
        return {**value, "sha256": value["sha256"][:_SHOWN_OF_SHA256] + "..."}
    return value
