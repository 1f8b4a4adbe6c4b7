"""Reads a Serve config file (Ray's ServeDeploySchema, YAML) and sets its address."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artifacts.errors import BadInput
from serve_app.launching.ports import LOOPBACK
from serve_app.marked_yaml import MarkedYaml, read_marked_yaml

MOST_PORT = 65_535


class ConfigError(BadInput):
    """Ray refuses a field of the Serve config."""

    def __init__(self, steps: Sequence[str | int], what: str) -> None:
        field = ".".join(map(str, steps))
        super().__init__(f"Serve config: {field}: {what}" if field else what)
        self.steps = (*steps,)
        self.what = what


def read_serve_yaml(path: Path) -> MarkedYaml:
    """The file; BadInput names the line where it is no Serve config.

    What is checked here is what is used before Ray's schema is at hand.
    """
    document = read_marked_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error((), "not a Serve config (a mapping was expected)")
    http = document.data.get("http_options")
    if http is None:
        return document
    if not isinstance(http, dict):
        raise document.error(("http_options",), "a mapping was expected")
    if not isinstance(http.get("host", LOOPBACK), str):
        raise document.error(("http_options", "host"), "a text was expected")
    port = http.get("port", 1)
    if type(port) is not int or not 1 <= port <= MOST_PORT:
        what = f"a whole number from 1 to {MOST_PORT} was expected"
        raise document.error(("http_options", "port"), what)
    return document


def with_address(
    config: Mapping[str, Any], *, host: str | None = None, port: int | None = None
) -> dict[str, Any]:
    """`config` with `host` and `port` over its own, which stand over 127.0.0.1:8000."""
    given = {"host": host, "port": port}
    http = {"host": LOOPBACK, "port": 8000} | (config.get("http_options") or {})
    http |= {name: value for name, value in given.items() if value is not None}
    return {"proxy_location": "HeadOnly"} | dict(config) | {"http_options": http}
