"""`/admin/v1/cost_tiers`: cost tiers read, made, changed and deleted."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from deployments.errors import InvalidRequest, NotFound
from deployments.limits.ledger_protocol import LedgerLike
from deployments.tenancy import CostTier
from serve_app.access.tenants import Directory
from serve_app.http.admin_body import admin_body, changes_response, checked_body
from serve_app.http.responses import json_response
from serve_app.http.restated import without_shown

# It stands in URLs and after `auto:`.
_NAME = re.compile("[A-Za-z0-9._-]{1,64}")


class CostTiers:
    """One method for each path. The store's count where the configuration has one of
    the same name, too."""

    def __init__(self, ledger: LedgerLike, directory: Callable[[], Directory]) -> None:
        self._ledger = ledger
        self._directory = directory

    async def tiers(self) -> Response:
        """All by name, those of the configuration among them."""
        stored = await self._ledger.cost_tiers()
        merged = {**self._directory().settings.cost_tiers, **stored}
        data = [_shown(name, merged[name], stored) for name in sorted(merged)]
        return json_response({"object": "list", "data": data, "has_more": False})

    async def tier(self, name: str) -> Response:
        """One of them."""
        stored = await self._ledger.cost_tiers()
        merged = {**self._directory().settings.cost_tiers, **stored}
        if name not in merged:
            raise NotFound(f"There is no cost tier {name!r}.", code="not_found")
        return json_response(_shown(name, merged[name], stored))

    async def put(self, request: Request, name: str) -> Response:
        """Create or replace one; it counts for all replicas within two seconds."""
        if not _NAME.fullmatch(name):
            message = "name: it must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'."
            raise InvalidRequest(message, param="name", code="invalid_value")
        stated = without_shown(await admin_body(request), object="cost_tier", name=name)
        if stated.get("source") in ("store", "configuration"):
            del stated["source"]
        tier = checked_body(CostTier, stated)
        check_models("models", tier.models or (), self._directory())
        return changes_response(await self._ledger.put_cost_tier(name, tier))

    async def delete(self, name: str) -> Response:
        """Delete a stored one; refused while a tenant or a key names it."""
        return changes_response(await self._ledger.delete_cost_tier(name))


def check_models(param: str, names: Iterable[str], directory: Directory) -> None:
    """InvalidRequest if one is not in the catalog."""
    for name in sorted(set(names) - directory.specs.keys()):
        message = f"{param}: the model {name!r} is not in the catalog."
        raise InvalidRequest(message, param=param, code="invalid_value")


def _shown(name: str, tier: CostTier, stored: dict[str, CostTier]) -> dict[str, Any]:
    source = "store" if name in stored else "configuration"
    fields = tier.model_dump(mode="json")
    return {"object": "cost_tier", "name": name, "source": source, **fields}
