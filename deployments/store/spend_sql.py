"""What tenants have spent, as SQL."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.store.column_types import NANO
from deployments.store.tables import SPEND_SUMS, spend
from deployments.store.usage_query import Spend
from deployments.store.usage_rows import quarter_of


async def read_spends(
    connection: AsyncConnection,
    start: datetime,
    end: datetime,
    tenants: Collection[str] | None = None,
) -> dict[str, Spend]:
    """Of each tenant that had a request from `start` to `end`, or of each of these.

    Both at a quarter of an hour, as budget periods are.
    """
    within = (spend.c.quarter >= quarter_of(start)) & (spend.c.quarter < end)
    if tenants is not None:
        within &= spend.c.tenant.in_(sorted(tenants))
    sums = [func.sum(spend.c[name]) for name in SPEND_SUMS]
    query = select(spend.c.tenant, *sums).where(within).group_by(spend.c.tenant)
    return {
        tenant: Spend(int(cost) / NANO, int(n), int(unknown), int(reserved) / NANO)
        for tenant, cost, n, unknown, reserved in await connection.execute(query)
    }
