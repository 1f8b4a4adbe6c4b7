"""`GET /v1/usage`: what the caller's tenant has used, and what it has saved."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from deployments.budget_period import zone
from deployments.catalog import Price
from deployments.errors import InvalidRequest, NotFound
from deployments.limits.ledger_protocol import BudgetState
from deployments.store.usage_query import Dimension, UsageQuery, UsageRow
from deployments.tenancy import TenantConfig
from serve_app.access.tenants import Directory, Tenant
from serve_app.gateway import Gateway
from serve_app.http.budget_json import shown_budget
from serve_app.http.responses import json_response
from serve_app.http.usage_report import Reference, usage_report
from serve_app.http.usage_span import (
    MOST_DAYS,
    current_span,
    dimensions,
    last_days,
    moment,
)

_BY: tuple[Dimension, ...] = ("day", "model", "key_id", "cost_tier")
_PARAMS = frozenset({"start", "end", "by", "timezone", "model", "key_id"})
# Making them holds up the one Ledger, whose time is everybody's.
MOST_ROWS = 10_000

Clock = Callable[[], datetime]
Span = Callable[[], tuple[datetime, datetime]]


class UsageSource(Protocol):
    """What is needed of a LedgerLike."""

    async def usage(self, query: UsageQuery) -> list[UsageRow]:
        """Sums of usage records."""

    async def budget(self, tenant: str) -> BudgetState:
        """How much of its budget a tenant has used; NotFound if there is none."""


def usage_path(
    gateway: Gateway, source: UsageSource | None
) -> Callable[[Request], Awaitable[Response]]:
    """The path's handler."""

    async def usage(request: Request) -> Response:
        directory = gateway.directory
        tenant = directory.authenticate(request.headers.get("authorization"))
        params = stated_params(request.query_params)
        return json_response(await usage_of(source, directory, tenant, params))

    return usage


async def usage_of(
    source: UsageSource | None,
    directory: Directory,
    tenant: Tenant,
    params: Mapping[str, str],
    clock: Clock = lambda: datetime.now(UTC),
) -> dict[str, Any]:
    """Of this tenant and no other; InvalidRequest names the parameter."""
    if source is None:
        message = "Usage is not kept here: no database is configured."
        raise NotFound(message, code="usage_not_kept")
    query = usage_query(tenant, params, clock())
    rows = await source.usage(query)
    report = usage_report(query, rows, reference_of(directory, tenant.config))
    return {**report, "budget": await _budget(source, tenant)}


async def _budget(source: UsageSource, tenant: Tenant) -> dict[str, Any] | None:
    """Of the present period, whatever span was asked for."""
    if tenant.config.max_budget is None and tenant.config.soft_budget is None:
        return None
    try:
        return shown_budget(await source.budget(tenant.id))
    except NotFound:  # its configuration is newer than the Ledger's
        return None


def usage_query(tenant: Tenant, params: Mapping[str, str], now: datetime) -> UsageQuery:
    """What the parameters ask for: by day and for the current period if nothing."""
    timezone = params.get("timezone", tenant.config.budget_timezone)
    current = partial(current_span, tenant.config, now, timezone)
    query = read_query(params, _BY, timezone=timezone, current=current)
    return replace(query, tenant=tenant.id, most_rows=MOST_ROWS)


def read_query(
    params: Mapping[str, str],
    by: tuple[Dimension, ...],
    *,
    timezone: str,
    current: Span,
) -> UsageQuery:
    """By some of `by`; for the `current` span if the parameters name none."""
    allowed = {*_PARAMS, "tenant"} if "tenant" in by else _PARAMS
    check_params(params, allowed)
    _checked("timezone", zone, timezone)
    start, end = _span(params, timezone, current)
    if start >= end:
        raise _bad("end", "it must be later than start")
    if end - start > timedelta(days=MOST_DAYS):
        raise _bad("start", f"it may be at most {MOST_DAYS} days before end")
    names = _checked("by", lambda text: dimensions(text, by), params.get("by", "day"))
    return UsageQuery(
        start,
        end,
        by=names,
        tenant=params.get("tenant"),
        key_id=params.get("key_id"),
        model=params.get("model"),
        timezone=timezone,
    )


def stated_params(params: QueryParams) -> dict[str, str]:
    """By name. `by` may be stated again for each of its parts, as clients write a list;
    InvalidRequest for another that is: only one of them would be looked at."""
    stated: dict[str, str] = {}
    for name, text in params.multi_items():
        if name in stated and name != "by":
            raise _bad(name, "it may be stated only once")
        stated[name] = f"{stated[name]},{text}" if name in stated else text
    return stated


def check_params(params: Mapping[str, str], allowed: Collection[str]) -> None:
    """InvalidRequest names a parameter that nobody reads, or that no text can be."""
    for name in params.keys() - set(allowed):
        known = ", ".join(sorted(allowed))
        raise _bad(name, f"there is no such parameter, only {known}")
    for name, text in params.items():
        if "\0" in text:  # no database has it in a text
            raise _bad(name, "it must not hold a NUL character")


def _span(
    params: Mapping[str, str], timezone: str, current: Span
) -> tuple[datetime, datetime]:
    start, end = (
        _checked(name, lambda text: moment(text, timezone), params[name])
        if name in params
        else None
        for name in ("start", "end")
    )
    present = current()
    if start is None and end is None:
        return present
    end = end or present[1]
    return start or last_days(end, timezone), end


def _checked(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise _bad(name, str(error)) from None


def _bad(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{name}: {what}.", param=name, code="invalid_value")


def reference_of(directory: Directory, config: TenantConfig) -> Reference | None:
    """What a tenant's savings are counted against."""
    model = config.reference_model
    if model is None:
        return None
    spec = directory.specs.get(model)
    return Reference(model, spec.price if spec else Price())
