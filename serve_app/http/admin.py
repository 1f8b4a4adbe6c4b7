"""`/admin/v1/…`: tenants, keys, budgets, artifacts, for who holds the admin key."""

from collections.abc import Callable, Collection
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from deployments.errors import InvalidRequest
from deployments.limits.ledger_protocol import LedgerLike
from deployments.tenancy import TenantConfig
from deployments.tenant_edit import edited
from serve_app.access.tenants import Directory
from serve_app.http.account_json import shown_tenant
from serve_app.http.admin_artifacts import ArtifactAdmin
from serve_app.http.admin_body import (
    Paths,
    admin_body,
    changes_response,
    checked_body,
    list_response,
    told,
)
from serve_app.http.admin_key import AdminKey
from serve_app.http.admin_keys import KeyAdmin, stored_tenant
from serve_app.http.admin_tiers import CostTiers, check_models
from serve_app.http.admin_usage import AdminUsage
from serve_app.http.budget_json import shown_budget
from serve_app.http.responses import json_response
from serve_app.http.restated import restated_tenant

_PAGE, _LARGEST_PAGE = 100, 1000
_NAMING = ("models", "default_model", "reference_model")


class Admin:
    """One method for each path; what the Ledger raises is what a client is told."""

    def __init__(
        self,
        ledger: LedgerLike,
        key: AdminKey,
        directory: Callable[[], Directory],
        artifacts: ArtifactAdmin | None = None,
        *,
        backends: Collection[str],
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._directory = directory
        self._tiers = CostTiers(ledger, directory)
        self._artifacts = artifacts
        self._backends = frozenset(backends)

    def router(self) -> APIRouter:
        """The paths; each asks for the key before anything else."""
        router = APIRouter(prefix="/admin/v1", dependencies=[Depends(self._checked)])
        paths: Paths = (
            ("GET", "/tenants", self.tenants),
            ("GET", "/tenants/{tenant_id}", self.tenant),
            ("PUT", "/tenants/{tenant_id}", self.put_tenant),
            ("PATCH", "/tenants/{tenant_id}", self.patch_tenant),
            ("DELETE", "/tenants/{tenant_id}", self.delete_tenant),
            ("GET", "/tenants/{tenant_id}/budget", self.budget),
            *KeyAdmin(self._ledger, self._directory).paths(),
            ("GET", "/usage", AdminUsage(self._ledger, self._directory).usage),
            ("GET", "/cost_tiers", self._tiers.tiers),
            ("GET", "/cost_tiers/{name}", self._tiers.tier),
            ("PUT", "/cost_tiers/{name}", self._tiers.put),
            ("DELETE", "/cost_tiers/{name}", self._tiers.delete),
        )
        if self._artifacts is not None:
            paths += self._artifacts.paths()
        for method, path, handler in paths:
            router.add_api_route(path, handler, methods=[method])
        return router

    async def tenants(self, request: Request) -> Response:
        """A page of them, by id: at most `limit`, those that follow `after`."""
        limit = _limit(request.query_params.get("limit"))
        after = request.query_params.get("after", "")
        found = sorted(await self._ledger.tenants(), key=lambda tenant: tenant.id)
        rest = [tenant for tenant in found if tenant.id > after]
        return list_response(
            map(shown_tenant, rest[:limit]), has_more=len(rest) > limit
        )

    async def tenant(self, tenant_id: str) -> Response:
        """One with its keys."""
        found = await stored_tenant(self._ledger, tenant_id)
        return json_response({"object": "tenant", **shown_tenant(found)})

    async def put_tenant(self, request: Request, tenant_id: str) -> Response:
        """Create or replace one, also by what `tenant` has shown of it. Keys that were
        issued stay; so do revoked and rotated ones. It says so if that shuts out keys
        of the configuration."""
        stated = await self._restated(await admin_body(request), tenant_id)
        _check_id(stated, tenant_id)
        tenant = checked_body(TenantConfig, stated)
        self._check_names(tenant)
        changes = await self._ledger.put_tenant(tenant)
        made = any(change.kind == "created" for change in changes)
        if not (made and self._is_configured(tenant_id)):
            return changes_response(changes)
        message = (
            f"The configuration has a tenant {tenant_id!r}, too, which counts no more: "
            "of its keys only those open that are stored here."
        )
        return changes_response(changes, message)

    async def patch_tenant(self, request: Request, tenant_id: str) -> Response:
        """Change the fields that are stated, null: to their defaults. All others, and
        its keys, stay."""
        stated = await admin_body(request)
        _check_id(stated, tenant_id)
        if "keys" in stated:
            message = "keys: they have paths of their own; PUT takes a list of them."
            raise InvalidRequest(message, param="keys", code="invalid_value")
        known = await stored_tenant(self._ledger, tenant_id)
        with told():
            tenant = edited(known, stated)
        self._check_names(tenant, stated.keys())
        return changes_response(await self._ledger.edit_tenant(tenant_id, stated))

    async def delete_tenant(self, tenant_id: str) -> Response:
        """Delete one and its keys; its usage stays. It says so if that leaves open what
        the configuration has of the same id."""
        changes = await self._ledger.delete_tenant(tenant_id)
        if not self._is_configured(tenant_id):
            return changes_response(changes)
        message = (
            f"The configuration has a tenant {tenant_id!r}, too, which counts again: "
            "its keys open. To shut it, take it out of the configuration, or store it "
            "with no keys."
        )
        return changes_response(changes, message)

    async def budget(self, tenant_id: str) -> Response:
        """What it has spent in the present period, and what is left."""
        state = await self._ledger.budget(tenant_id)
        return json_response({"object": "budget", **shown_budget(state)})

    async def _restated(self, stated: dict[str, Any], tenant_id: str) -> dict[str, Any]:
        tenants = await self._ledger.tenants() if stated.get("keys") else []
        stored = next((each for each in tenants if each.id == tenant_id), None)
        return restated_tenant(stated, stored)

    def _is_configured(self, tenant_id: str) -> bool:
        """Whether the configuration has a tenant of this id, too."""
        tenants = self._directory().settings.tenants
        return any(tenant.id == tenant_id for tenant in tenants)

    def _check_names(
        self, tenant: TenantConfig, stated: Collection[str] = TenantConfig.model_fields
    ) -> None:
        """InvalidRequest if one of these fields names a model or a backend that there
        is not."""
        directory = self._directory()
        for param in [name for name in _NAMING if name in stated]:
            named = getattr(tenant, param) or ()
            names = [named] if isinstance(named, str) else named
            check_models(param, names, directory)
        for i, key in enumerate(tenant.keys if "keys" in stated else ()):
            check_models(f"keys[{i}].models", key.models or (), directory)
        unknown = tenant.byok.keys() - self._backends if "byok" in stated else ()
        for name in sorted(unknown):
            message = f"byok: there is no backend {name!r}."
            raise InvalidRequest(message, param="byok", code="invalid_value")

    async def _checked(self, request: Request) -> None:
        self._key.check(request.headers.get("authorization"))


def _check_id(stated: dict[str, Any], tenant_id: str) -> None:
    """That it names no other than the path; it may name none."""
    if stated.setdefault("id", tenant_id) != tenant_id:
        message = f"id: the path names the tenant {tenant_id!r}."
        raise InvalidRequest(message, param="id", code="invalid_value")


def _limit(text: str | None) -> int:
    if text is None:
        return _PAGE
    # Python refuses to read a number of thousands of digits.
    short = len(text) <= len(str(_LARGEST_PAGE)) and text.isascii()
    if not (short and text.isdecimal() and 1 <= int(text) <= _LARGEST_PAGE):
        message = f"limit must be a whole number from 1 to {_LARGEST_PAGE}."
        raise InvalidRequest(message, param="limit", code="invalid_value")
    return int(text)
