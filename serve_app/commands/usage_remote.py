"""Asks a Gateway for what a key's tenant has used."""

from collections.abc import Mapping
from typing import Any

from serve_app.commands.gateway_remote import ask_gateway

_TIMEOUT_S = 30.0


def fetch_usage(
    url: str, key_env: str, params: Mapping[str, str | None]
) -> dict[str, Any]:
    """What `GET /v1/usage` says; BadInput if it says no, or nothing.

    `url` is that of the Gateway, with or without `/v1`.
    """
    address = f"{url.rstrip('/').removesuffix('/v1')}/v1/usage"
    stated = {name: value for name, value in params.items() if value is not None}
    request = ("GET", address)
    return ask_gateway(
        url, request, key_env, "usage", params=stated, timeout=_TIMEOUT_S
    )
