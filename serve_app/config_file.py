"""Our part of a Serve configuration, checked before Ray is started for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from artifacts.errors import BadInput
from serve_app.config import AppConfig, LiveSettings

IMPORT_PATH = "serve_app.app:build_app"
_LIVE = "deployments.Gateway.user_config"


def app_config(data: Mapping[str, Any], path: Path) -> AppConfig:
    """Our application's configuration in a Serve YAML as it is in force: its `args`,
    and over them the Gateway's `user_config`. BadInput names the field."""
    applications = data.get("applications")
    for app in applications if isinstance(applications, list) else []:
        if isinstance(app, dict) and app.get("import_path") == IMPORT_PATH:
            return _validated(app.get("args") or {}, _live_settings(app), path)
    raise BadInput(f"{path}: no application has the import_path {IMPORT_PATH}")


def _live_settings(app: Mapping[str, Any]) -> dict[str, Any]:
    for deployment in app.get("deployments") or ():
        if isinstance(deployment, dict) and deployment.get("name") == "Gateway":
            return dict(deployment.get("user_config") or {})
    return {}


def _validated(args: Any, live: dict[str, Any], path: Path) -> AppConfig:
    for name in live.keys() - LiveSettings.model_fields.keys():
        raise BadInput(f"{path}: {_LIVE}.{name}: not a live setting")
    if not isinstance(args, dict):
        raise BadInput(f"{path}: args: a mapping was expected")
    if not LiveSettings.model_fields.keys() & {*args, *live}:
        raise BadInput(f"{path}: args.catalog: Field required")
    try:
        return AppConfig.model_validate(args | live)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        section = _LIVE if first["loc"] and first["loc"][0] in live else "args"
        where = ".".join([section, *map(str, first["loc"])])
        message = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{path}: {where}: {message}") from None
