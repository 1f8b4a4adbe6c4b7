"""Where the commands find the accounts: a database, opened for one piece of work."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from artifacts.errors import BadInput
from deployments.store.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from deployments.store.accounts import Accounts

_PATIENCE_S = 10.0

T = TypeVar("T")

DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="AVENGERS_DATABASE",
        show_envvar=True,
        help="sqlite:///PATH or postgresql://USER@HOST/NAME.",
    ),
]
PasswordEnv = Annotated[
    str | None,
    typer.Option(help="Environment variable with the database's password."),
]


def with_accounts(
    url: str,
    password_env: str | None,
    work: Callable[["Accounts"], Awaitable[T]],
    *,
    new: bool = False,
    update: bool = True,
) -> T:
    """Do a piece of work; its tables are made or brought up to date before.

    BadInput where the store refuses it; unless it may be `new`, where SQLite's file is
    missing; without `update`, where the tables are of an older release, which work that
    changes nothing leaves alone. StoreUnavailable where no database answers.
    """
    password = _password(password_env)

    async def run() -> T:
        # SQLAlchemy takes a while to import, and most commands need none.
        from deployments.store.accounts import Accounts
        from deployments.store.database import Database

        database = Database(url, password=password)
        try:
            await database.open(patience_s=_PATIENCE_S, new=new, update=update)
            return await work(Accounts(database))
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StoreUnavailable:
        raise
    except StoreError as error:
        raise BadInput(str(error)) from None


def _password(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise BadInput(f"--password-env: {variable} is not set")
    return os.environ[variable]
