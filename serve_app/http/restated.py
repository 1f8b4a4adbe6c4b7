"""What an administrator was shown and sends back, changed here and there.

A `PUT` gives each field that is not stated its default: who means to change one reads
the whole, changes that, and sends it. What was only shown is then taken out again.
"""

from typing import Any

from deployments.key_config import KeyConfig
from deployments.tenancy import TenantConfig


def restated_tenant(
    stated: dict[str, Any], stored: TenantConfig | None
) -> dict[str, Any]:
    """With the stored keys in the place of those that are named by id alone, as what is
    kept of a secret is never shown; their other fields are as stated."""
    fields = without_shown(stated, object="tenant")
    if stored is not None and isinstance(keys := fields.get("keys"), list):
        known = {key.key_id: key for key in stored.keys}
        fields["keys"] = [_restated_key(key, known) for key in keys]
    return fields


def without_shown(stated: dict[str, Any], **shown: str) -> dict[str, Any]:
    """Without those fields that say what they say in the answer to a `GET`."""
    return {
        name: value
        for name, value in stated.items()
        if name not in shown or value != shown[name]
    }


def _restated_key(stated: Any, known: dict[str, KeyConfig]) -> Any:
    id = stated.get("id") if isinstance(stated, dict) else None
    stored = known.get(id) if isinstance(id, str) else None
    if stored is None or stated.get("sha256") is not None:
        return stated
    if stated.get("env") not in (None, stored.env):
        return stated  # another key, which is to have this id
    secret = {"id": stored.id, "env": stored.env, "sha256": stored.sha256}
    return {**stated, **secret}
