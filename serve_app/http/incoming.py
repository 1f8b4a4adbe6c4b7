"""What is read of an HTTP request beside its JSON."""

import asyncio
import math
import uuid
from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import ClientDisconnect, Request

from deployments.errors import (
    InvalidRequest,
    PayloadTooLarge,
    RequestTimeout,
    UnreadEncoding,
)
from serve_app.answering.planning import Asked

# Of a Content-Length: more than any limit has.
_MOST_DIGITS = 20
# Of what a client says of its body, in a message to it.
_MOST_ENCODING = 32
# Of a client's own id: it is written into each record of usage, and kept.
_MOST_ID = 128
_NO_HOSTS: Mapping[str, str] = MappingProxyType({})


def request_id(request: Request) -> str:
    """The client's `x-request-id`, its first 128 characters, or a new one; Serve writes
    it into the response, as the bytes that it is."""
    # Starlette takes each byte for a letter.
    raw = request.headers.get("x-request-id", "").encode("latin-1")
    stated = raw.decode(errors="replace")[:_MOST_ID]
    return stated or f"req-{uuid.uuid4().hex}"


def asked(request: Request, hosts: Mapping[str, str] = _NO_HOSTS) -> Asked:
    """The URL's cost tier and the header's α; InvalidRequest if that is none.

    `hosts`: host name, in small letters and without port → the cost tier of its URLs.
    """
    tier = _tier(request, hosts)
    stated = request.headers.get("x-routing-alpha")
    if stated is None:
        return Asked(tier)
    try:
        alpha = float(stated)
    except ValueError:
        alpha = math.nan
    if not 0 <= alpha <= 1:
        message = "x-routing-alpha must be a number in [0, 1]."
        raise InvalidRequest(message, param="x-routing-alpha", code="invalid_value")
    return Asked(tier, alpha)


def _tier(request: Request, hosts: Mapping[str, str]) -> str | None:
    of_path: str | None = request.path_params.get("cost_tier")
    of_host = hosts.get((request.url.hostname or "").lower()) if hosts else None
    if None not in {of_path, of_host} and of_path != of_host:
        message = f"The host is of the cost tier {of_host!r}, the path of {of_path!r}."
        raise InvalidRequest(message, code="cost_tier_conflict")
    return of_path or of_host


async def read_body(request: Request, limit: int, within_s: float) -> bytes:
    """The body, never holding more than `limit` bytes of it; PayloadTooLarge beyond.

    RequestTimeout if it takes longer: a replica has room for so many requests only, and
    one that is never sent to its end draws on no limit of its tenant. UnreadEncoding if
    it is compressed: a few bytes might become more than there is room for.
    """
    _refuse_compressed(request)
    too_large = PayloadTooLarge(f"The body is over the limit of {limit} bytes.")
    length = request.headers.get("content-length", "")
    # Python refuses to read a number of thousands of digits.
    if length.isdecimal() and (len(length) > _MOST_DIGITS or int(length) > limit):
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_s):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large
                parts.append(part)
    except ClientDisconnect:
        raise InvalidRequest("The client went away while sending.") from None
    except TimeoutError:
        what = f"The body did not arrive within {within_s:g} s."
        raise RequestTimeout(what, code="request_timeout") from None
    return b"".join(parts)


def _refuse_compressed(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        return
    named = encoding[:_MOST_ENCODING]
    error = UnreadEncoding(
        f"Content-Encoding: {named!r} is not read here; send the body as it is.",
        param="Content-Encoding",
    )
    error.headers["accept-encoding"] = "identity"  # RFC 9110, 15.5.16
    raise error
