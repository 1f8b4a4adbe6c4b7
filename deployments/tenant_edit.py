"""Changing some fields of a tenant."""

from collections.abc import Mapping
from typing import Any

from deployments.tenancy import TenantConfig

# Stating the one unsets the other.
_ALTERNATIVES = {"cost_tier": "alpha", "alpha": "cost_tier"}


def edited(known: TenantConfig, stated: Mapping[str, Any]) -> TenantConfig:
    """With these fields as stated, None: as they are by default; all others stay.

    pydantic's ValidationError where that is no tenant.
    """
    before = known.model_dump(mode="json", exclude_defaults=True)
    for name in stated:
        before.pop(_ALTERNATIVES.get(name, ""), None)
    # What is unset takes its default again, also where that is not null.
    fields = {**before, **stated}
    return TenantConfig.model_validate(
        {name: value for name, value in fields.items() if value is not None}
    )
