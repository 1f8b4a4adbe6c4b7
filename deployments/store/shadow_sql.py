"""What shadows decided, as SQL."""

from sqlalchemy import BigInteger, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.store.column_types import to_usd
from deployments.store.tables import usage_records
from deployments.store.usage_query import ShadowRow, UsageQuery
from deployments.store.usage_sql import condition

_record = usage_records.c


async def read_shadows(
    connection: AsyncConnection, query: UsageQuery, shadow_id: str
) -> list[ShadowRow]:
    """One row for each artifact that decided beside it; `by` means nothing here.

    What failed before an answer is left out: it is in neither artifact's hands, and the
    shadow's cost is that of the answer alone.
    """
    answer_cost = _record.cost_nusd - _record.failed_cost_nusd
    both = _record.cost_nusd.is_not(None) & _record.shadow_cost_nusd.is_not(None)
    sums = (
        cast(func.sum(case((both, cost))), BigInteger)
        for cost in (answer_cost, _record.shadow_cost_nusd)
    )
    statement = (
        select(
            _record.artifact_id,
            func.count(),
            func.count(case((_record.shadow_agrees, 1))),
            func.count(case((both, 1))),
            *sums,
        )
        .where(condition(query), _record.shadow_artifact_id == shadow_id)
        .group_by(_record.artifact_id)
        .order_by(_record.artifact_id)
    )
    found = (await connection.execute(statement)).all()
    return [
        ShadowRow(id, requests, agreements, comparable, to_usd(cost), to_usd(shadow))
        for id, requests, agreements, comparable, cost, shadow in found
    ]
