"""Asks a Gateway's admin API."""

from collections.abc import Mapping
from typing import Any

from serve_app.commands.gateway_remote import ask_gateway

_TIMEOUT_S = 120.0  # an artifact may have to be fetched


def ask_admin(
    url: str,
    key_env: str,
    request: tuple[str, str],
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The answer to a method and a path below `/admin/v1`; BadInput if it says no.

    `url` is that of the Gateway.
    """
    method, path = request
    address = f"{url.rstrip('/')}/admin/v1{path}"
    return ask_gateway(url, (method, address), key_env, json=body, timeout=_TIMEOUT_S)
