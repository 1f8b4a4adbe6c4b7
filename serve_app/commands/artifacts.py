"""`avengers artifacts`: which artifact decides in a running gateway."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from artifacts.errors import BadInput
from deployments.store.snapshot import Change
from serve_app.commands.account_tables import print_changes
from serve_app.commands.admin_remote import ask_admin
from serve_app.commands.terminal import print_table

_Url = Annotated[
    str,
    typer.Option(
        "--url", envvar="AVENGERS_URL", show_envvar=True, help="The Gateway's."
    ),
]
_KeyEnv = Annotated[str, typer.Option(help="Environment variable with the admin key.")]
_Tenant = Annotated[str | None, typer.Option(help="Only for this tenant.")]
_Name = Annotated[str, typer.Argument(help="As `avengers artifacts list` shows it.")]
_Percent = Annotated[float, typer.Argument(help="Of conversations; 0 ends it.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_ADMIN_KEY = "AVENGERS_ADMIN_KEY"


def artifacts_commands() -> typer.Typer:
    """`avengers artifacts …`."""
    commands = typer.Typer(
        help="Which artifact decides in a running gateway.", no_args_is_help=True
    )
    commands.command("list")(list_all)
    for command in (register, remove, activate, rollback, canary, shadow, compare):
        commands.command()(command)
    return commands


def list_all(url: _Url, key_env: _KeyEnv = _ADMIN_KEY, as_json: _Json = False) -> None:
    """All that the gateway knows, and who uses them."""
    found = ask_admin(url, key_env, ("GET", "/artifacts"))["data"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    head = ("name", "id", "models", "clusters", "used by, or why it cannot be")
    print_table("artifacts", head, [_row(artifact) for artifact in found])


def register(
    name: Annotated[str, typer.Argument(help="A new name.")],
    location: Annotated[str, typer.Argument(help="Absolute path or address.")],
    url: _Url,
    key_env: _KeyEnv = _ADMIN_KEY,
) -> None:
    """Give the artifact at LOCATION a name; a Router loads it first."""
    request = ("PUT", f"/artifacts/{quote(name, safe='')}")
    _print(ask_admin(url, key_env, request, {"location": location}))


def remove(name: _Name, url: _Url, key_env: _KeyEnv = _ADMIN_KEY) -> None:
    """Forget an artifact that is not in use."""
    _print(ask_admin(url, key_env, ("DELETE", f"/artifacts/{quote(name, safe='')}")))


def activate(
    name: _Name, url: _Url, key_env: _KeyEnv = _ADMIN_KEY, tenant: _Tenant = None
) -> None:
    """It decides from now on."""
    request = ("POST", f"{_rollout(tenant)}/activate")
    _print(ask_admin(url, key_env, request, {"artifact": name}))


def rollback(url: _Url, key_env: _KeyEnv = _ADMIN_KEY, tenant: _Tenant = None) -> None:
    """What was active before decides again."""
    _print(ask_admin(url, key_env, ("POST", f"{_rollout(tenant)}/rollback")))


def canary(
    name: _Name,
    percent: _Percent,
    url: _Url,
    key_env: _KeyEnv = _ADMIN_KEY,
    tenant: _Tenant = None,
) -> None:
    """It decides for a share of the conversations."""
    _print(_portioned("canary", name, percent, (url, key_env), _rollout(tenant)))


def shadow(
    name: _Name,
    percent: _Percent,
    url: _Url,
    key_env: _KeyEnv = _ADMIN_KEY,
    tenant: _Tenant = None,
) -> None:
    """It decides beside the active one, for the record only."""
    _print(_portioned("shadow", name, percent, (url, key_env), _rollout(tenant)))


def compare(name: _Name, url: _Url, key_env: _KeyEnv = _ADMIN_KEY) -> None:
    """What it decided as a shadow in the last 30 days, as JSON."""
    request = ("GET", f"/artifacts/{quote(name, safe='')}/shadow")
    typer.echo(json.dumps(ask_admin(url, key_env, request), indent=2))


def _rollout(tenant: str | None) -> str:
    if tenant is None:
        return "/rollout"
    if not tenant:  # of a variable that is not set: all tenants are not meant
        raise BadInput("--tenant: a tenant's id was expected, not an empty text")
    return f"/tenants/{quote(tenant, safe='')}/rollout"


def _portioned(
    kind: str, name: str, percent: float, admin: tuple[str, str], rollout: str
) -> dict[str, Any]:
    """0 per cent ends the one that is named; BadInput where another one runs."""
    path = f"{rollout}/{kind}"
    if percent != 0:
        portion = {"artifact": name, "percent": percent}
        return ask_admin(*admin, ("PUT", path), portion)
    running = ask_admin(*admin, ("GET", rollout)).get(kind)
    if running is not None and running["artifact"] != name:
        raise BadInput(f"the {kind} is {running['artifact']!r}, not {name!r}")
    return ask_admin(*admin, ("DELETE", path))


def _row(artifact: dict[str, Any]) -> list[str]:
    return [
        artifact["name"],
        (artifact["artifact_id"] or "")[:12],
        str(len(artifact.get("models", ()))),
        str(artifact.get("n_clusters", "")),
        artifact["error"] or ", ".join(artifact["used_by"]),
    ]


def _print(found: dict[str, Any]) -> None:
    print_changes(
        [
            Change(
                change["kind"],
                change["id"],
                {
                    name: (values["before"], values["after"])
                    for name, values in change["fields"].items()
                },
                change["of"],
            )
            for change in found["data"]
        ]
    )
