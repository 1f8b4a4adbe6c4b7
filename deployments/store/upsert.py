"""An INSERT that knows ON CONFLICT: both databases have it, SQLAlchemy has it twice."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert_into(
    connection: AsyncConnection, table: Table
) -> postgresql.Insert | sqlite.Insert:
    """The one that the connection's database speaks."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
