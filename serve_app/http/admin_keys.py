"""`/admin/v1/…/keys`: keys listed, issued, rotated and revoked."""

from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from deployments.errors import InvalidRequest, NotFound
from deployments.limits.ledger_protocol import LedgerLike
from deployments.store.snapshot import IssuedKey
from deployments.tenancy import KeyTerms, TenantConfig
from serve_app.access.tenants import Directory
from serve_app.http.account_json import shown_key
from serve_app.http.admin_body import (
    Paths,
    admin_body,
    changes_response,
    checked_body,
    list_response,
)
from serve_app.http.admin_tiers import check_models
from serve_app.http.responses import json_response


class Rotation(BaseModel):
    """The body of a rotation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grace_s: float = Field(default=0, ge=0, le=366 * 86_400, allow_inf_nan=False)


class KeyAdmin:
    """One method for each path."""

    def __init__(self, ledger: LedgerLike, directory: Callable[[], Directory]) -> None:
        self._ledger = ledger
        self._directory = directory

    def paths(self) -> Paths:
        """Method, path below `/admin/v1`, handler."""
        return (
            ("GET", "/tenants/{tenant_id}/keys", self.keys),
            ("POST", "/tenants/{tenant_id}/keys", self.issue_key),
            ("POST", "/keys/{key_id}/rotate", self.rotate_key),
            ("POST", "/keys/{key_id}/revoke", self.revoke_key),
        )

    async def keys(self, tenant_id: str) -> Response:
        """All of a tenant's, those that have ended among them."""
        tenant = await stored_tenant(self._ledger, tenant_id)
        return list_response(map(shown_key, tenant.keys), has_more=False)

    async def issue_key(self, request: Request, tenant_id: str) -> Response:
        """A new key; the answer is the only place where it ever stands."""
        terms = checked_body(KeyTerms, await admin_body(request))
        if terms.expires_at is not None and terms.expires_at <= datetime.now(UTC):
            message = "expires_at: it has to be in the future."
            raise InvalidRequest(message, param="expires_at", code="invalid_value")
        check_models("models", terms.models or (), self._directory())
        return _issued(await self._ledger.issue_key(tenant_id, terms))

    async def rotate_key(self, request: Request, key_id: str) -> Response:
        """A new key on the same terms; the old one ends after `grace_s`."""
        rotation = checked_body(Rotation, await admin_body(request))
        return _issued(await self._ledger.rotate_key(key_id, rotation.grace_s))

    async def revoke_key(self, key_id: str) -> Response:
        """It opens nothing from now on."""
        return changes_response(await self._ledger.revoke_key(key_id))


async def stored_tenant(ledger: LedgerLike, tenant_id: str) -> TenantConfig:
    """NotFound if the store has none of this id, whatever the configuration has."""
    for tenant in await ledger.tenants():
        if tenant.id == tenant_id:
            return tenant
    message = (
        f"There is no tenant {tenant_id!r} in the store; the configuration's are read "
        "and changed in it."
    )
    raise NotFound(message, code="not_found")


def _issued(issued: IssuedKey) -> Response:
    content = {
        "object": "api_key",
        "tenant": issued.tenant_id,
        **shown_key(issued.key),
        "key": issued.secret,
    }
    response = json_response(content)
    response.headers["cache-control"] = "no-store"
    return response
