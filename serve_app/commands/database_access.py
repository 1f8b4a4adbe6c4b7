"""A database that is in use, for one piece of work of a command."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from artifacts.errors import BadInput
from deployments.store.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from deployments.store.database import Database

_PATIENCE_S = 10.0

T = TypeVar("T")

_URL = typer.Option(
    "--database",
    envvar="AVENGERS_DATABASE",
    show_envvar=True,
    help="sqlite:///PATH or postgresql://USER@HOST/NAME.",
)
DatabaseUrl = Annotated[str, _URL]
DatabaseUrlIfAny = Annotated[str | None, _URL]
PasswordEnv = Annotated[
    str | None,
    typer.Option(help="Environment variable with the database's password."),
]


def with_database(
    url: str,
    password_env: str | None,
    work: Callable[["Database"], Awaitable[T]],
    *,
    new: bool = False,
    update: bool = False,
) -> T:
    """Do a piece of work; with `update`, its tables are brought up to date before.

    BadInput where the store refuses it; where without `update` they are of an older
    release, which work that changes nothing leaves alone; or, unless it may be `new`,
    where SQLite's file is missing: in one made now there would be nothing to find.
    StoreUnavailable where no database answers.
    """
    password = os.environ.get(password_env) if password_env else None
    if password_env and not password:
        raise BadInput(f"--password-env: {password_env} is not set")

    async def run() -> T:
        # SQLAlchemy takes a while to import, and most commands need none.
        from deployments.store.database import Database

        database = Database(url, password=password)
        try:
            await database.open(patience_s=_PATIENCE_S, new=new, update=update)
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StoreUnavailable:
        raise
    except StoreError as error:
        raise BadInput(str(error)) from None
