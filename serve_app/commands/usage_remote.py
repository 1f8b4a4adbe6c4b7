"""Asks a Gateway for what a key's tenant has used."""

import os
from collections.abc import Mapping
from typing import Any

from artifacts.errors import BadInput

_TIMEOUT_S = 30.0


def fetch_usage(
    url: str, key_env: str, params: Mapping[str, str | None]
) -> dict[str, Any]:
    """What `GET /v1/usage` says; BadInput if it says no, or nothing.

    `url` is that of the Gateway, with or without `/v1`.
    """
    import httpx

    key = os.environ.get(key_env)
    if not key:
        raise BadInput(f"--key-env: {key_env} is not set")
    address = f"{url.rstrip('/').removesuffix('/v1')}/v1/usage"
    try:
        response = httpx.get(
            address,
            params={name: value for name, value in params.items() if value is not None},
            headers={"authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
        )
        found = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise BadInput(f"{url}: {error}") from None
    if not isinstance(found, dict) or found.get("object") != "usage":
        raise BadInput(f"{url}: {_said(found, response.status_code)}")
    return found


def _said(found: Any, status: int) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or f"HTTP status {status}")
