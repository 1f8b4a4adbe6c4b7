"""Brings the tables of a database to a revision of this package's migrations."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection

from deployments.store.errors import StoreError

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number, as long as all who migrate take the same.
_LOCK = 4_702_158_826_115
# How long a step waits for a table that a backup or a report is reading. All that comes
# after it waits in line behind it, an older release's budgets, too, for 2 s at most.
_WAIT = "SET LOCAL lock_timeout = '1s'"


def migrate(connection: Connection, revision: str) -> None:
    """Up or down to `revision` ("head", "base" or a name), in the open transaction.

    StoreError if a newer release of ours has been at the database. Where others read
    its tables for longer, the driver says so, and the same may succeed later.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        connection.exec_driver_sql(_WAIT)
    config = _config(connection)
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    try:
        passed = {step.revision for step in scripts.iterate_revisions(current, "base")}
        target = scripts.get_revision(revision) if revision != "base" else None
    except (CommandError, RevisionError):
        raise StoreError(
            f"the database's tables are of revision {current}, which this release "
            f"does not know (it knows {scripts.get_current_head()}): use a newer one"
        ) from None
    if target is not None and target.revision not in passed:
        command.upgrade(config, revision)
    elif current and (target is None or target.revision != current):
        command.downgrade(config, revision)


def refuse_older(connection: Connection) -> None:
    """StoreError if the tables are an older release's, which may be at work on them.

    There is nothing to refuse where there are no tables yet.
    """
    scripts = ScriptDirectory.from_config(_config(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    older = {step.revision for step in scripts.walk_revisions()}
    older.discard(str(scripts.get_current_head()))
    if current in older:
        raise StoreError(
            f"the database's tables are of revision {current}, older than this "
            f"release's {scripts.get_current_head()}: use the release that serves "
            "them; `avengers serve`, or a cluster's Ledger, of this one updates them"
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
