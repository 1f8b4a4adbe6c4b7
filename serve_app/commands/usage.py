"""`avengers usage`: what was used; its records as a file; deleting old ones."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from artifacts.errors import BadInput
from artifacts.importers.records_file import check_writable
from deployments.budget_period import zone
from deployments.store.usage_query import UsageQuery
from serve_app.commands.database_access import (
    DatabaseUrlIfAny,
    PasswordEnv,
    with_database,
)
from serve_app.commands.usage_file import Format, write_usage
from serve_app.commands.usage_remote import fetch_usage
from serve_app.commands.usage_table import print_usage
from serve_app.http.usage_report import usage_report
from serve_app.http.usage_span import dimensions, last_days, moment

if TYPE_CHECKING:
    from deployments.store.database import Database

T = TypeVar("T")

_Start = Annotated[str | None, typer.Option(help="In it: 2026-06-01, or an ISO time.")]
_End = Annotated[str | None, typer.Option(help="Not in it. Default: now.")]
_Timezone = Annotated[str, typer.Option(help="Of days, and of times without one.")]
_Tenant = Annotated[str | None, typer.Option(help="Only this tenant's.")]


def usage_commands() -> typer.Typer:
    """All that begin with `avengers usage`."""
    commands = typer.Typer(
        help="Show what was used; export or delete its records.",
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    commands.callback()(usage)
    commands.command()(export)
    commands.command()(delete)
    return commands


def usage(  # noqa: PLR0913  (the options of a command)
    context: typer.Context,
    database: DatabaseUrlIfAny = None,
    password_env: PasswordEnv = None,
    url: Annotated[
        str | None, typer.Option(help="Ask this Gateway, not a database.")
    ] = None,
    key_env: Annotated[
        str, typer.Option(help="Environment variable with the API key for --url.")
    ] = "AVENGERS_API_KEY",
    by: Annotated[
        str, typer.Option(help="Some of day, model, tenant, key_id, cost_tier.")
    ] = "day",
    start: _Start = None,
    end: _End = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="Of days, and of times without one. Default: UTC."),
    ] = None,
    tenant: _Tenant = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show requests, tokens and cost, by day unless --by says otherwise.

    Of a database: of the last 30 days unless told. Of a Gateway: the key's own tenant,
    with its savings, and unless told of its budget's period in its time zone.
    """
    if context.invoked_subcommand is not None:
        _refuse_stated(context)
        return
    if url is not None:
        if tenant is not None:
            raise BadInput("--tenant: a Gateway shows the key's own tenant only")
        stated = {"start": start, "end": end, "by": by, "timezone": timezone}
        report = fetch_usage(url, key_env, stated)
    else:
        query = _query(start, end, timezone or "UTC", tenant=tenant, by=by)
        report = _stored_usage(_known(database, " (or --url)"), password_env, query)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        print_usage(report)


def _refuse_stated(context: typer.Context) -> None:
    """BadInput names an option that stands before the subcommand, which reads its own:
    `usage --tenant t export` would be everybody's."""
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            place = f"usage {context.invoked_subcommand}"
            raise BadInput(f"{parameter.opts[0]}: it has to stand behind `{place}`")


def export(  # noqa: PLR0913  (the options of a command)
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    kind: Annotated[Format, typer.Option("--format", help="csv or parquet.")],
    database: DatabaseUrlIfAny = None,
    password_env: PasswordEnv = None,
    start: _Start = None,
    end: _End = None,
    timezone: _Timezone = "UTC",
    tenant: _Tenant = None,
) -> None:
    """Write one row for each request: no prompt and no answer is in it.

    Of the last 30 days unless told.
    """
    check_writable(out)
    query = _query(start, end, timezone, tenant=tenant, by="")

    async def work(opened: "Database") -> int:
        from deployments.store.usage_store import UsageStore

        return await write_usage(out, kind, UsageStore(opened).export(query))

    count = with_database(_known(database), password_env, work)
    start_at, end_at = (f"{at:%Y-%m-%dT%H:%MZ}" for at in (query.start, query.end))
    typer.echo(f"{count} records from {start_at} to {end_at}: {out}", err=True)


def delete(
    before: Annotated[str, typer.Option(help="2026-06-01, or an ISO time.")],
    database: DatabaseUrlIfAny = None,
    password_env: PasswordEnv = None,
    timezone: _Timezone = "UTC",
    yes: Annotated[bool, typer.Option("--yes", help="Really delete them.")] = False,
) -> None:
    """Delete the records of requests that came earlier. Budgets keep what was spent.

    Of records that come in late, too; those go with the next deletion.
    """
    _read("--timezone", lambda: zone(timezone))
    at = _read("--before", lambda: moment(before, timezone))
    if at > datetime.now(UTC):
        raise BadInput(f"--before {before}: that is yet to come")

    async def work(opened: "Database") -> int:
        from deployments.store.usage_store import UsageStore

        store = UsageStore(opened)
        if yes:
            return await store.delete_before(at)
        first = datetime(1970, 1, 1, tzinfo=UTC)
        [all_of_them] = await store.rows(UsageQuery(first, at))
        return all_of_them.requests

    count = with_database(_known(database), password_env, work, update=yes)
    if not yes:
        raise BadInput(f"{count} records are from before {before}: --yes deletes them")
    typer.echo(f"{count} records deleted", err=True)


def _stored_usage(
    url: str, password_env: str | None, query: UsageQuery
) -> dict[str, Any]:
    async def work(opened: "Database") -> dict[str, Any]:
        from deployments.store.usage_store import UsageStore

        rows = await UsageStore(opened).rows(query)
        return usage_report(query, rows, None)

    try:
        return with_database(url, password_env, work)
    except ValueError as error:  # too many days to tell apart
        raise BadInput(f"--start: {error}") from None


def _query(
    start: str | None, end: str | None, timezone: str, *, tenant: str | None, by: str
) -> UsageQuery:
    _read("--timezone", lambda: zone(timezone))
    names = _read("--by", lambda: dimensions(by))
    until = _read("--end", lambda: moment(end, timezone)) if end else datetime.now(UTC)
    since = (
        _read("--start", lambda: moment(start, timezone))
        if start
        else last_days(until, timezone)
    )
    if since >= until:
        raise BadInput("--end must be later than --start")
    return UsageQuery(since, until, names, tenant=tenant, timezone=timezone)


def _read(option: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from None


def _known(database: str | None, otherwise: str = "") -> str:
    if database is None:
        raise BadInput(f"--database is needed{otherwise}")
    return database
