"""Reads a Serve config file (Ray's ServeDeploySchema, YAML) and sets its address."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from artifacts.errors import BadInput
from serve_app.launching.ports import LOOPBACK


class ConfigError(BadInput):
    """The Serve config file cannot be used."""


def read_config(
    path: Path, *, host: str | None = None, port: int | None = None
) -> dict[str, Any]:
    """The Serve config in `path`, with the address given here or else 127.0.0.1:8000.

    Raises ConfigError where it is not YAML or not a mapping.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: {error.problem}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{path}:1: not a Serve config (a mapping was expected)")
    return with_address(config, host=host, port=port)


def with_address(
    config: Mapping[str, Any], *, host: str | None = None, port: int | None = None
) -> dict[str, Any]:
    """`config` with `host` and `port` over its own, which stand over the defaults."""
    given = {"host": host, "port": port}
    http = {"host": LOOPBACK, "port": 8000} | (config.get("http_options") or {})
    http |= {name: value for name, value in given.items() if value is not None}
    return {"proxy_location": "HeadOnly"} | dict(config) | {"http_options": http}
