"""`avengers tenants create|set|delete`: one tenant, field by field."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from artifacts.errors import BadInput
from deployments.store.errors import Missing
from deployments.store.snapshot import Change
from deployments.tenancy import TenantConfig
from deployments.tenant_edit import edited
from serve_app.commands.account_tables import print_changes
from serve_app.commands.accounts_access import with_accounts
from serve_app.commands.database_access import DatabaseUrl, PasswordEnv
from serve_app.marked_yaml import CheckedLoader, ScalarError

if TYPE_CHECKING:
    from deployments.store.accounts import Accounts

_NOT_HERE = frozenset({"id", "keys"})

_Tenant = Annotated[str, typer.Argument(help="Its id.")]
_Fields = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FIELD=VALUE…",
        help="As in a file of tenants: max_budget=200, models=[a,b]; FIELD= unsets it.",
    ),
]


def create(
    tenant: _Tenant,
    database: DatabaseUrl,
    fields: _Fields = None,
    password_env: PasswordEnv = None,
) -> None:
    """Make a tenant; it has no key yet."""
    stated = _read(fields or ())

    async def work(accounts: "Accounts") -> list[Change]:
        try:
            await accounts.tenant(tenant)
        except Missing:
            return await accounts.create_tenant(_made(tenant, stated))
        raise BadInput(
            f"there is a tenant {tenant!r} already: `tenants set` changes it"
        )

    changes = with_accounts(database, password_env, work, new=True)
    print_changes(changes, dry_run=False)


def set_fields(
    tenant: _Tenant,
    database: DatabaseUrl,
    fields: _Fields = None,
    password_env: PasswordEnv = None,
) -> None:
    """Change fields of a tenant; all others, and its keys, stay."""
    stated = _read(fields or ())

    def edit(known: TenantConfig) -> TenantConfig:
        with _told():
            return edited(known, stated)

    changes = with_accounts(
        database, password_env, lambda accounts: accounts.edit_tenant(tenant, edit)
    )
    print_changes(changes, dry_run=False)


def delete(
    tenant: _Tenant, database: DatabaseUrl, password_env: PasswordEnv = None
) -> None:
    """Delete a tenant and its keys; its usage stays.

    If the gateway's configuration has one of this id, that one counts again.
    """
    changes = with_accounts(database, password_env, lambda a: a.delete_tenant(tenant))
    print_changes(changes, dry_run=False)


def _read(fields: Sequence[str]) -> dict[str, Any]:
    """Names and values; BadInput names the first that is none."""
    found: dict[str, Any] = {}
    for each in fields:
        name, equals, text = each.partition("=")
        if not equals:
            raise BadInput(f"{each!r}: FIELD=VALUE was expected, as in max_budget=200")
        if name in _NOT_HERE:
            raise BadInput(f"{name}: it cannot be set here (`avengers keys` has keys)")
        try:
            found[name] = yaml.load(text, CheckedLoader) if text else None
        except ScalarError as error:
            raise BadInput(f"{name}: {error.problem}, not {text!r}") from None
        except (yaml.YAMLError, RecursionError):
            raise BadInput(f"{name}: {text!r} is no YAML") from None
    return found


def _made(tenant: str, fields: dict[str, Any]) -> TenantConfig:
    stated = {name: value for name, value in fields.items() if value is not None}
    with _told():
        return TenantConfig.model_validate({**stated, "id": tenant})


@contextmanager
def _told() -> Iterator[None]:
    """BadInput names the first field that is wrong."""
    try:
        yield
    except ValidationError as error:
        raise _wrong(error) from None


def _wrong(error: ValidationError) -> BadInput:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return BadInput(f"{where}: {message}" if where else message)
