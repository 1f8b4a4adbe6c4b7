"""Asks a Gateway's admin API."""

import os
from collections.abc import Mapping
from typing import Any

from artifacts.errors import BadInput

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
    import httpx

    key = os.environ.get(key_env)
    if not key:
        raise BadInput(f"--key-env: {key_env} is not set")
    method, path = request
    try:
        response = httpx.request(
            method,
            f"{url.rstrip('/')}/admin/v1{path}",
            json=body,
            headers={"authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
        )
        found = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise BadInput(f"{url}: {error}") from None
    if not isinstance(found, dict) or "object" not in found:
        raise BadInput(f"{url}: {_said(found, response.status_code)}")
    return found


def _said(found: Any, status: int) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or f"HTTP status {status}")
