"""`GET /admin/v1/usage`: what all tenants have used, and saved, by tenant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

from fastapi import Request
from fastapi.responses import Response

from deployments.errors import InvalidRequest
from deployments.limits.ledger_protocol import LedgerLike
from deployments.store.usage_query import Dimension, Page, UsageRow
from serve_app.access.tenants import Directory
from serve_app.http.responses import json_response
from serve_app.http.usage_api import (
    MOST_ROWS,
    read_query,
    reference_of,
    stated_params,
)
from serve_app.http.usage_report import Reference, compared_report
from serve_app.http.usage_span import last_days

_BY: tuple[Dimension, ...] = get_args(Dimension)
_LARGEST_PAGE = 1000


class AdminUsage:
    """Sums over all tenants, over one, or over a page of them."""

    def __init__(self, ledger: LedgerLike, directory: Callable[[], Directory]) -> None:
        self._ledger = ledger
        self._directory = directory

    async def usage(self, request: Request) -> Response:
        """By day and for the last 30 days unless the parameters say otherwise; of at
        most `limit` tenants by id, those that follow `after`, if it is stated."""
        params, now = stated_params(request.query_params), datetime.now(UTC)
        limit, after = params.pop("limit", None), params.pop("after", None)
        timezone = params.get("timezone", "UTC")
        query = read_query(
            params,
            _BY,
            timezone=timezone,
            current=lambda: (last_days(now, timezone), now),
        )
        page = _page(limit, after, query.by)
        rows = await self._ledger.usage(
            replace(query, most_rows=MOST_ROWS, page=_and_one_more(page))
        )
        paging: Mapping[str, Any] = {}
        if page is not None:
            rows, paging = _paged(rows, page)
        directory = self._directory()
        tenants = directory.tenants

        def reference(row: UsageRow) -> Reference | None:
            config = tenants.get(row.tenant or query.tenant or "")
            return reference_of(directory, config) if config else None

        return json_response({**compared_report(query, rows, reference), **paging})


def _page(limit: str | None, after: str | None, by: Sequence[Dimension]) -> Page | None:
    """InvalidRequest names what makes no sense."""
    if limit is None and after is None:
        return None
    named = "limit" if limit is not None else "after"
    if "tenant" not in by:
        raise _bad(named, "pages are of tenants, so by must name tenant")
    if limit is None:
        raise _bad("after", "it needs a limit")
    # Python refuses to read a number of thousands of digits.
    short = len(limit) <= len(str(_LARGEST_PAGE)) and limit.isascii()
    if not (short and limit.isdecimal() and 1 <= int(limit) <= _LARGEST_PAGE):
        raise _bad("limit", f"it must be a whole number from 1 to {_LARGEST_PAGE}")
    if after and "\0" in after:  # no database has it in a text
        raise _bad("after", "it must not hold a NUL character")
    return Page(int(limit), after or "")


def _bad(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{name}: {what}.", param=name, code="invalid_value")


def _and_one_more(page: Page | None) -> Page | None:
    """By which it is known whether there are more."""
    return page and replace(page, limit=page.limit + 1)


def _paged(
    rows: Sequence[UsageRow], page: Page
) -> tuple[list[UsageRow], dict[str, Any]]:
    """Without the one more, and what is said of the page: `after` of the next one is
    the `last_id` of this one."""
    found = sorted({row.tenant for row in rows if row.tenant is not None})
    shown = found[: page.limit]
    told = {
        "has_more": len(found) > page.limit,
        "last_id": shown[-1] if shown else None,
    }
    of_these = frozenset(shown)
    return [row for row in rows if row.tenant in of_these], told
