"""Open leases of budgets, kept where they outlive the Ledger."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.budget_period import Period
from deployments.store.column_types import NANO
from deployments.store.database import Database
from deployments.store.spend_sql import read_spends
from deployments.store.tables import leases
from deployments.store.upsert import insert_into
from deployments.store.usage_query import Spend

# The tenant, the start of the period.
BudgetKey = tuple[str, int]
# USD by the replica that holds them, and what was spent in the period.
Held = tuple[dict[str, float], Spend]

_KEY = ("replica", "tenant", "period")
_GONE = delete(leases).where(*(leases.c[name] == bindparam(name) for name in _KEY))
_GONE_OF_TENANT = delete(leases).where(
    *(leases.c[name] == bindparam(name) for name in ("replica", "tenant"))
)


class LeaseStore:
    """Every method may raise StoreUnavailable; nothing was changed then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[tuple[str, str, int, float]]:
        """(replica, tenant, start of the period, USD) of each."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(leases))).mappings().all()
        return [
            (row["replica"], row["tenant"], row["period"], row["amount_nusd"] / NANO)
            for row in rows
        ]

    async def read(self, pools: Mapping[BudgetKey, Period]) -> dict[BudgetKey, Held]:
        """What is out of each, and what was spent in its period, as of one moment."""
        async with self._database.reading() as connection:
            held = await _leases_of(connection, pools)
            spends = await _spends_of(connection, pools)
        return {key: (held.get(key, {}), spends.get(key, Spend())) for key in pools}

    async def end(self, replica: str, tenants: Collection[str] | None) -> None:
        """It holds nothing more, of these tenants or of any."""
        async with self._database.writing() as connection:
            if tenants is None:
                gone = delete(leases).where(leases.c.replica == replica)
                await connection.execute(gone)
            elif tenants:
                rows = [{"replica": replica, "tenant": name} for name in tenants]
                await connection.execute(_GONE_OF_TENANT, rows)

    async def put(self, held: Sequence[tuple[str, str, int, float]]) -> None:
        """The whole of each lease as it is now, as `all` tells them; 0 = there is none.
        All in one transaction."""
        out: list[dict[str, Any]] = []
        gone: list[dict[str, Any]] = []
        for *key, usd in held:
            row: dict[str, Any] = dict(zip(_KEY, key, strict=True))
            nano = round(usd * NANO)
            if nano > 0:
                out.append({**row, "amount_nusd": nano})
            else:
                gone.append(row)
        async with self._database.writing() as connection:
            if gone:
                await connection.execute(_GONE, gone)
            if out:
                insert = insert_into(connection, leases)
                amount = {"amount_nusd": insert.excluded.amount_nusd}
                await connection.execute(
                    insert.on_conflict_do_update(index_elements=_KEY, set_=amount), out
                )


async def _leases_of(
    connection: AsyncConnection, pools: Collection[BudgetKey]
) -> dict[BudgetKey, dict[str, float]]:
    tenants, starts = {name for name, _ in pools}, {start for _, start in pools}
    of_both = select(leases).where(
        leases.c.tenant.in_(sorted(tenants)), leases.c.period.in_(sorted(starts))
    )
    found: dict[BudgetKey, dict[str, float]] = {}
    for row in (await connection.execute(of_both)).mappings():
        held = found.setdefault((row["tenant"], row["period"]), {})
        held[row["replica"]] = row["amount_nusd"] / NANO
    return found


async def _spends_of(
    connection: AsyncConnection, pools: Mapping[BudgetKey, Period]
) -> dict[BudgetKey, Spend]:
    together: dict[tuple[Period, int], list[str]] = {}
    for (tenant, start), period in pools.items():
        together.setdefault((period, start), []).append(tenant)
    found: dict[BudgetKey, Spend] = {}
    for (period, start), tenants in together.items():
        spends = await read_spends(connection, period.start, period.end, tenants)
        found |= {(tenant, start): spend for tenant, spend in spends.items()}
    return found
