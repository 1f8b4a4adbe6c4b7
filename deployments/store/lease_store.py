"""Open leases of budgets, kept where they outlive the Ledger."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select

from deployments.store.column_types import NANO
from deployments.store.database import Database
from deployments.store.tables import leases
from deployments.store.upsert import insert_into

_KEY = ("replica", "tenant", "period")
_GONE = delete(leases).where(*(leases.c[name] == bindparam(name) for name in _KEY))


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

    async def of(self, tenant: str, period: int) -> dict[str, float]:
        """USD by the replica that holds them."""
        query = select(leases.c.replica, leases.c.amount_nusd)
        query = query.where(leases.c.tenant == tenant, leases.c.period == period)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {replica: nano / NANO for replica, nano in rows}

    async def end(self, replica: str, tenant: str | None) -> None:
        """It holds nothing more, of one tenant or of any."""
        gone = delete(leases).where(leases.c.replica == replica)
        if tenant is not None:
            gone = gone.where(leases.c.tenant == tenant)
        async with self._database.writing() as connection:
            await connection.execute(gone)

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
