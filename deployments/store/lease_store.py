"""Open leases of budgets, kept where they outlive the Ledger."""

from sqlalchemy import delete, select

from deployments.store.column_types import NANO
from deployments.store.database import Database
from deployments.store.tables import leases
from deployments.store.upsert import insert_into


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

    async def put(
        self, replica: str, tenant: str, period: int, amount_usd: float
    ) -> None:
        """The whole of a lease as it is now; 0 = there is none."""
        key = {"replica": replica, "tenant": tenant, "period": period}
        nano = round(amount_usd * NANO)
        async with self._database.writing() as connection:
            if nano <= 0:
                same = [leases.c[name] == value for name, value in key.items()]
                await connection.execute(delete(leases).where(*same))
                return
            statement = insert_into(connection, leases)
            statement = statement.values(**key, amount_nusd=nano)
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=list(key), set_={"amount_nusd": nano}
                )
            )
