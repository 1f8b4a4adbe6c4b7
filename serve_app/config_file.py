"""Our part of a Serve configuration, checked before Ray is started for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from artifacts.errors import BadInput
from serve_app.config import AppConfig

IMPORT_PATH = "serve_app.app:build_app"


def app_config(data: Mapping[str, Any], path: Path) -> AppConfig:
    """The `args` of our application in a Serve YAML; BadInput names the field."""
    applications = data.get("applications")
    for app in applications if isinstance(applications, list) else []:
        if isinstance(app, dict) and app.get("import_path") == IMPORT_PATH:
            return _validated(app.get("args") or {}, path)
    raise BadInput(f"{path}: no application has the import_path {IMPORT_PATH}")


def _validated(args: Any, path: Path) -> AppConfig:
    try:
        return AppConfig.model_validate(args)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(["args", *map(str, first["loc"])])
        message = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{path}: {where}: {message}") from None
