"""`avengers keys`: API keys issued, exchanged, revoked and listed."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from pydantic import ValidationError

from artifacts.errors import BadInput
from deployments.store.snapshot import IssuedKey
from deployments.tenancy import KeyTerms
from serve_app.commands.account_tables import print_keys
from serve_app.commands.accounts_access import with_accounts
from serve_app.commands.database_access import DatabaseUrl, PasswordEnv
from serve_app.http.account_json import shown_key

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=36_500)
_OPTIONS = {"expires_at": "--expires"}

_Tenant = Annotated[str, typer.Argument(help="The tenant's id.")]
_KeyId = Annotated[str, typer.Argument(help="As `avengers keys list` shows it.")]


def keys_commands() -> typer.Typer:
    """`avengers keys …`."""
    commands = typer.Typer(help="API keys of tenants.", no_args_is_help=True)
    commands.command()(issue)
    commands.command()(rotate)
    commands.command()(revoke)
    commands.command("list")(list_all)
    return commands


def issue(  # noqa: PLR0913  (the options of a command)
    tenant: _Tenant,
    database: DatabaseUrl,
    password_env: PasswordEnv = None,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="90d, 12h, 30m, or a date and time (UTC).")
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="In place of the tenant's.", min=0, max=1)
    ] = None,
    cost_tier: Annotated[
        str | None, typer.Option(help="Pin the key to this tier.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Only these, comma-separated.")
    ] = None,
    rpm_limit: Annotated[int | None, typer.Option(help="Requests a minute.")] = None,
    tpm_limit: Annotated[int | None, typer.Option(help="Tokens a minute.")] = None,
    max_parallel_requests: Annotated[
        int | None, typer.Option(help="Requests at a time.")
    ] = None,
) -> None:
    """Print a new key of TENANT, this once.

    Nothing else goes to standard output. It opens what the tenant may do, or less.
    """
    terms = _terms(
        {
            "name": name,
            "expires_at": _moment(expires) if expires is not None else None,
            "alpha": alpha,
            "cost_tier": cost_tier,
            "models": _names(models) if models is not None else None,
            "rpm_limit": rpm_limit,
            "tpm_limit": tpm_limit,
            "max_parallel_requests": max_parallel_requests,
        }
    )
    issued = with_accounts(
        database, password_env, lambda accounts: accounts.issue_key(tenant, terms)
    )
    _print_issued(issued)


def rotate(
    key: _KeyId,
    database: DatabaseUrl,
    password_env: PasswordEnv = None,
    grace: Annotated[
        str, typer.Option(help="How long the old key opens yet: 30m, 12h, 7d.")
    ] = "0m",
) -> None:
    """Print a new key on the terms of KEY, which ends after --grace."""
    time = _span(grace)
    if time is None:
        raise BadInput(f"--grace {grace!r}: a number and m, h or d, as in 12h")
    issued = with_accounts(
        database, password_env, lambda accounts: accounts.rotate_key(key, grace=time)
    )
    _print_issued(issued)


def revoke(
    key: _KeyId, database: DatabaseUrl, password_env: PasswordEnv = None
) -> None:
    """Make KEY open nothing from now on; there is no way back."""
    changes = with_accounts(
        database, password_env, lambda accounts: accounts.revoke_key(key)
    )
    said = f"{key} is revoked" if changes else f"{key} was revoked before"
    typer.echo(said, err=True)


def list_all(
    tenant: _Tenant,
    database: DatabaseUrl,
    password_env: PasswordEnv = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The keys of TENANT, those that have ended among them."""
    found = with_accounts(
        database, password_env, lambda a: a.tenant(tenant), update=False
    )
    if as_json:
        typer.echo(json.dumps([shown_key(key) for key in found.keys], indent=2))
    else:
        print_keys(found, datetime.now(UTC))


def _terms(fields: dict[str, object]) -> KeyTerms:
    try:
        return KeyTerms.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise BadInput(message) from None
        field = str(first["loc"][0])
        option = _OPTIONS.get(field, f"--{field.replace('_', '-')}")
        raise BadInput(f"{option}: {message}") from None


def _moment(text: str) -> datetime:
    """`90d` from now, or an ISO date and time; BadInput if it is over."""
    now = datetime.now(UTC)
    span = _span(text)
    try:
        at = now + span if span is not None else datetime.fromisoformat(text)
    except ValueError:
        what = "90d, 12h, 30m, or a date and time as in 2027-01-31T12:00"
        raise BadInput(f"--expires {text!r}: {what}") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if at <= now:
        raise BadInput(f"--expires {text!r}: that is over")
    return at


def _span(text: str) -> timedelta | None:
    """At most a hundred years; None if it says no such thing."""
    found = re.fullmatch(r"(\d{1,9})([mhd])", text, re.ASCII)
    if found is None:
        return None
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    return span if span <= _LONGEST else None


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise BadInput(f"--models {text!r}: names, comma-separated")
    return names


def _print_issued(issued: IssuedKey) -> None:
    said = f"key {issued.id} of {issued.tenant_id}; it is shown this once:"
    typer.echo(said, err=True)
    typer.echo(issued.secret)
