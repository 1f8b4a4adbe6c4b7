"""Open leases of budgets, kept where they outlive the Ledger."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select

from deployments.store.column_types import NANO
from deployments.store.database import Database
from deployments.store.tables import leases
from deployments.store.upsert import insert_into

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

    async def of(
        self, pools: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], dict[str, float]]:
        """USD by the replica that holds them, of each (tenant, start of the period)
        that there are any of."""
        tenants, periods = {name for name, _ in pools}, {start for _, start in pools}
        query = select(leases).where(
            leases.c.tenant.in_(sorted(tenants)), leases.c.period.in_(sorted(periods))
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        found: dict[tuple[str, int], dict[str, float]] = {}
        for row in rows:
            if (key := (row["tenant"], row["period"])) in pools:
                held = found.setdefault(key, {})
                held[row["replica"]] = row["amount_nusd"] / NANO
        return found

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
