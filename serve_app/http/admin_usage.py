"""`GET /admin/v1/usage`: what all tenants have used, and saved, by tenant."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import get_args

from fastapi import Request
from fastapi.responses import Response

from deployments.limits.ledger_protocol import LedgerLike
from deployments.store.usage_query import Dimension, UsageRow
from serve_app.access.tenants import Directory
from serve_app.http.responses import json_response
from serve_app.http.usage_api import read_query, reference_of
from serve_app.http.usage_report import Reference, compared_report
from serve_app.http.usage_span import last_days

_BY: tuple[Dimension, ...] = get_args(Dimension)


class AdminUsage:
    """Sums over all tenants, or over one."""

    def __init__(self, ledger: LedgerLike, directory: Callable[[], Directory]) -> None:
        self._ledger = ledger
        self._directory = directory

    async def usage(self, request: Request) -> Response:
        """By day and for the last 30 days unless the parameters say otherwise."""
        params, now = request.query_params, datetime.now(UTC)
        timezone = params.get("timezone", "UTC")
        query = read_query(
            params,
            _BY,
            timezone=timezone,
            current=lambda: (last_days(now, timezone), now),
        )
        rows = await self._ledger.usage(query)
        directory = self._directory()
        tenants = directory.tenants

        def reference(row: UsageRow) -> Reference | None:
            config = tenants.get(row.tenant or query.tenant or "")
            return reference_of(directory, config) if config else None

        return json_response(compared_report(query, rows, reference))
