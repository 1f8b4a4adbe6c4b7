"""Asks a Gateway over HTTP, with a key of the environment."""

import os
from typing import Any

from artifacts.errors import BadInput


def ask_gateway(
    url: str,
    request: tuple[str, str],
    key_env: str,
    kind: str | None = None,
    **asked: Any,
) -> dict[str, Any]:
    """The object that is answered; BadInput names `url` if it says no, or nothing.

    `request`: method and address. `kind`: which object it must be; None = any.
    `asked`: whatever else `httpx.request` takes.
    """
    import httpx

    # A secret made of a file ends with its line. What httpx says of it names it whole.
    key = os.environ.get(key_env, "").strip()
    if not key:
        raise BadInput(f"--key-env: {key_env} is not set")
    if not (key.isascii() and key.isprintable()):
        raise BadInput(f"--key-env: what {key_env} holds is no key")
    try:
        headers = {"authorization": f"Bearer {key}"}
        response = httpx.request(*request, headers=headers, **asked)
        found = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise BadInput(f"{url}: {error}") from None
    if _is_object(found, kind):
        return dict(found)
    raise BadInput(f"{url}: {_said(found, response.status_code)}")


def _is_object(found: Any, kind: str | None) -> bool:
    if not isinstance(found, dict) or "object" not in found:
        return False
    return kind is None or bool(found["object"] == kind)


def _said(found: Any, status: int) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or f"HTTP status {status}")
