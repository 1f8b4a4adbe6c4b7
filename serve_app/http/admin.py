"""`/admin/v1/…`: tenants, keys and budgets, for who holds the admin key."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.errors import InvalidRequest, NotFound
from deployments.limits.ledger_protocol import BudgetState, LedgerLike
from deployments.store.snapshot import Change, IssuedKey
from deployments.tenancy import KeyTerms, TenantConfig
from serve_app.answering.chat import parse_json
from serve_app.http.account_json import shown_change, shown_key, shown_tenant
from serve_app.http.admin_key import AdminKey
from serve_app.http.incoming import read_body
from serve_app.http.responses import json_response

_MAX_BODY_BYTES = 2**20
_PAGE, _LARGEST_PAGE = 100, 1000

Body = TypeVar("Body", bound=BaseModel)


class Rotation(BaseModel):
    """The body of a rotation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grace_s: float = Field(default=0, ge=0, le=366 * 86_400, allow_inf_nan=False)


class Admin:
    """One method for each path; what the Ledger raises is what a client is told."""

    def __init__(self, ledger: LedgerLike, key: AdminKey) -> None:
        self._ledger = ledger
        self._key = key

    def router(self) -> APIRouter:
        """The paths; each asks for the key before anything else."""
        router = APIRouter(prefix="/admin/v1", dependencies=[Depends(self._checked)])
        paths: tuple[tuple[str, str, Callable[..., Awaitable[Response]]], ...] = (
            ("GET", "/tenants", self.tenants),
            ("GET", "/tenants/{tenant_id}", self.tenant),
            ("PUT", "/tenants/{tenant_id}", self.put_tenant),
            ("DELETE", "/tenants/{tenant_id}", self.delete_tenant),
            ("GET", "/tenants/{tenant_id}/budget", self.budget),
            ("GET", "/tenants/{tenant_id}/keys", self.keys),
            ("POST", "/tenants/{tenant_id}/keys", self.issue_key),
            ("POST", "/keys/{key_id}/rotate", self.rotate_key),
            ("POST", "/keys/{key_id}/revoke", self.revoke_key),
        )
        for method, path, handler in paths:
            router.add_api_route(path, handler, methods=[method])
        return router

    async def tenants(self, request: Request) -> Response:
        """A page of them, by id: at most `limit`, those that follow `after`."""
        limit = _limit(request.query_params.get("limit"))
        after = request.query_params.get("after", "")
        found = sorted(await self._ledger.tenants(), key=lambda tenant: tenant.id)
        rest = [tenant for tenant in found if tenant.id > after]
        return _list(map(shown_tenant, rest[:limit]), has_more=len(rest) > limit)

    async def tenant(self, tenant_id: str) -> Response:
        """One with its keys."""
        return json_response(
            {"object": "tenant", **shown_tenant(await self._tenant(tenant_id))}
        )

    async def put_tenant(self, request: Request, tenant_id: str) -> Response:
        """Create or replace one. Keys that were issued stay; so do revoked ones."""
        stated = await _body(request)
        if stated.setdefault("id", tenant_id) != tenant_id:
            message = f"id: the path names the tenant {tenant_id!r}."
            raise InvalidRequest(message, param="id", code="invalid_value")
        tenant = _checked(TenantConfig, stated)
        return _changes(await self._ledger.put_tenant(tenant))

    async def delete_tenant(self, tenant_id: str) -> Response:
        """Delete one and its keys; its usage stays."""
        return _changes(await self._ledger.delete_tenant(tenant_id))

    async def budget(self, tenant_id: str) -> Response:
        """What it has spent in the present period, and what is left."""
        return json_response(_budget(await self._ledger.budget(tenant_id)))

    async def keys(self, tenant_id: str) -> Response:
        """All of a tenant's, those that have ended among them."""
        tenant = await self._tenant(tenant_id)
        return _list(map(shown_key, tenant.keys), has_more=False)

    async def issue_key(self, request: Request, tenant_id: str) -> Response:
        """A new key; the answer is the only place where it ever stands."""
        terms = _checked(KeyTerms, await _body(request))
        return _issued(await self._ledger.issue_key(tenant_id, terms))

    async def rotate_key(self, request: Request, key_id: str) -> Response:
        """A new key on the same terms; the old one ends after `grace_s`."""
        rotation = _checked(Rotation, await _body(request))
        return _issued(await self._ledger.rotate_key(key_id, rotation.grace_s))

    async def revoke_key(self, key_id: str) -> Response:
        """It opens nothing from now on."""
        return _changes(await self._ledger.revoke_key(key_id))

    async def _checked(self, request: Request) -> None:
        self._key.check(request.headers.get("authorization"))

    async def _tenant(self, tenant_id: str) -> TenantConfig:
        for tenant in await self._ledger.tenants():
            if tenant.id == tenant_id:
                return tenant
        raise NotFound(f"There is no tenant {tenant_id!r}.", code="not_found")


async def _body(request: Request) -> dict[str, Any]:
    """A JSON object; nothing at all is an empty one."""
    content = await read_body(request, _MAX_BODY_BYTES)
    return parse_json(content) if content else {}


def _checked(model: type[Body], fields: dict[str, Any]) -> Body:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    what = first["msg"].removeprefix("Value error, ")
    steps = (f"[{s}]" if isinstance(s, int) else f".{s}" for s in first["loc"])
    param = "".join(steps).removeprefix(".")
    message = f"{param}: {what}." if param else f"{what}."
    raise InvalidRequest(message, param=param or None, code="invalid_value")


def _limit(text: str | None) -> int:
    if text is None:
        return _PAGE
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _LARGEST_PAGE):
        message = f"limit must be a whole number from 1 to {_LARGEST_PAGE}."
        raise InvalidRequest(message, param="limit", code="invalid_value")
    return int(text)


def _list(data: Iterable[dict[str, Any]], *, has_more: bool) -> Response:
    return json_response({"object": "list", "data": [*data], "has_more": has_more})


def _changes(changes: Sequence[Change]) -> Response:
    return _list(map(shown_change, changes), has_more=False)


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


def _budget(state: BudgetState) -> dict[str, Any]:
    """USD. `left`: what is neither spent nor leased to a replica."""
    left = None
    if state.max_budget is not None:
        left = max(0.0, state.max_budget - state.spend - state.leased)
    return {"object": "budget", **asdict(state), "left": left}
