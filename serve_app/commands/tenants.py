"""`avengers tenants`: a file of tenants made true, and what is stored of them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifacts.errors import BadInput
from deployments.store.errors import Refused
from deployments.store.snapshot import Change
from deployments.tenancy import TenantConfig
from serve_app.commands import tenant_edit
from serve_app.commands.account_tables import (
    print_changes,
    print_keys,
    print_tenant,
    print_tenants,
)
from serve_app.commands.accounts_access import with_accounts
from serve_app.commands.database_access import DatabaseUrl, PasswordEnv
from serve_app.commands.tenants_file import TenantsFile, read_tenants_file
from serve_app.http.account_json import shown_change, shown_tenant

if TYPE_CHECKING:
    from deployments.store.accounts import Accounts

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def tenants_commands() -> typer.Typer:
    """`avengers tenants …`."""
    commands = typer.Typer(
        help="Tenants: keys, cost tiers, limits, budgets.", no_args_is_help=True
    )
    commands.command("apply")(apply)
    commands.command("list")(list_all)
    commands.command()(show)
    commands.command()(tenant_edit.create)
    commands.command("set")(tenant_edit.set_fields)
    commands.command()(tenant_edit.delete)
    return commands


def apply(  # noqa: PLR0913  (the options of a command)
    file: Annotated[Path, typer.Argument(help="YAML: cost_tiers and tenants.")],
    database: DatabaseUrl,
    password_env: PasswordEnv = None,
    prune: Annotated[
        bool, typer.Option(help="Delete what the file does not list.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would change.")] = False,
    as_json: _Json = False,
) -> None:
    """Make the stored tenants what FILE says, all or nothing.

    Says what changed; doing it again changes nothing. Keys that were issued stay; a
    revoked key stays revoked, and what a rotation has ended stays ended.
    """
    stated = read_tenants_file(file)
    if prune and stated.stated.tenants is None:
        raise BadInput(
            f"{file}: tenants: missing; with --prune every tenant would be deleted "
            "(say 'tenants: []' if that is meant)"
        )

    async def work(accounts: "Accounts") -> list[Change]:
        return await _apply(accounts, stated, prune=prune, dry_run=dry_run)

    changes = with_accounts(database, password_env, work, new=True, update=not dry_run)
    if as_json:
        _print_json([shown_change(change) for change in changes])
    else:
        print_changes(changes, dry_run=dry_run)


def list_all(
    database: DatabaseUrl, password_env: PasswordEnv = None, as_json: _Json = False
) -> None:
    """All tenants."""
    tenants = with_accounts(database, password_env, _all, update=False)
    if as_json:
        _print_json([shown_tenant(tenant) for tenant in tenants])
    else:
        print_tenants(tenants)


def show(
    tenant: Annotated[str, typer.Argument(help="Its id.")],
    database: DatabaseUrl,
    password_env: PasswordEnv = None,
    as_json: _Json = False,
) -> None:
    """One tenant and its keys."""
    found = with_accounts(
        database, password_env, lambda a: a.tenant(tenant), update=False
    )
    if as_json:
        _print_json(shown_tenant(found))
        return
    print_tenant(found)
    print_keys(found, datetime.now(UTC))


async def _apply(
    accounts: "Accounts", file: TenantsFile, *, prune: bool, dry_run: bool
) -> list[Change]:
    tiers = file.stated.cost_tiers
    stored = (await accounts.snapshot()).cost_tiers
    file.check_tiers(() if prune and tiers is not None else stored)
    try:
        return await accounts.apply(file.tenants, tiers, prune=prune, dry_run=dry_run)
    except Refused as error:
        raise file.refused(error) from None


async def _all(accounts: "Accounts") -> Sequence[TenantConfig]:
    return (await accounts.snapshot()).tenants


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))
