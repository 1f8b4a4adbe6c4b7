"""Where the commands find the accounts: a database, opened for one piece of work."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from serve_app.commands.database_access import with_database

if TYPE_CHECKING:
    from deployments.store.accounts import Accounts
    from deployments.store.database import Database

T = TypeVar("T")


def with_accounts(
    url: str,
    password_env: str | None,
    work: Callable[["Accounts"], Awaitable[T]],
    *,
    new: bool = False,
    update: bool = True,
) -> T:
    """Do a piece of work, as `with_database`, which says what is raised."""

    async def run(database: "Database") -> T:
        # SQLAlchemy takes a while to import, and most commands need none.
        from deployments.store.accounts import Accounts

        return await work(Accounts(database))

    return with_database(url, password_env, run, new=new, update=update)
