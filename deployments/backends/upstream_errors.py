"""What an upstream's status, or the error in its answer, means to us.

An upstream's own message is never repeated: it may quote the prompt or the key.
"""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from deployments.backends.exchange import Reply
from deployments.errors import (
    InvalidRequest,
    PromptFlagged,
    PromptTooLong,
    RateLimited,
    ServingError,
    UpstreamError,
    UpstreamForbids,
    UpstreamRefusal,
    UpstreamTimeout,
)

_REFUSALS = {
    401: "upstream_authentication",
    402: "upstream_insufficient_credits",
    403: "upstream_permission",
    404: "upstream_model_not_found",
}


REFUSED = frozenset({400, 413, 422})  # for what is in the request
# Of these it is read why.
EXPLAINED = REFUSED | {HTTPStatus.FORBIDDEN}
_REASON = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,40}")  # a name, nothing that is quoted
_MOST_REASONS = 8
# OpenAI's code, and the words of others: few have a code for it.
_TOO_LONG = re.compile(
    rb"context[ _](?:length|window|limit)|(?:prompt|input) is too long"
    rb"|maximum (?:model|prompt) length|maximum number of tokens allowed",
    re.IGNORECASE,
)


def status_error(reply: Reply, said: bytes = b"") -> ServingError:
    """The error that a status other than 200 stands for, with its body if EXPLAINED."""
    error = error_of(reply.status)
    if isinstance(error, InvalidRequest) and _TOO_LONG.search(said):
        error = _too_long()
    if isinstance(error, UpstreamForbids):
        error = _flagged(_error_in(said)) or error
    error.retry_after_s = retry_after_s(reply.header("retry-after"))
    return error


def error_of(status: int) -> ServingError:
    """The error for an HTTP status, or for a `code` inside an answer."""
    if status in REFUSED:
        return InvalidRequest(
            f"The upstream refused the request (status {status}).",
            code="upstream_refused",
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        what = "The upstream's rate limit is reached."
        return RateLimited(what, code="upstream_rate_limit")
    if status in {408, 504, 524}:
        return UpstreamTimeout(f"The upstream timed out (status {status}).")
    if status in _REFUSALS:
        what = f"The upstream will not serve this model to us (status {status})."
        kind = UpstreamForbids if status == HTTPStatus.FORBIDDEN else UpstreamRefusal
        return kind(what, code=_REFUSALS[status])
    return UpstreamError(f"The upstream failed (status {status}).")


def reported_error(error: Any) -> ServingError:
    """What an `error` object in an answer with status 200 stands for."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        flagged = _flagged(error) if code == HTTPStatus.FORBIDDEN else None
        return flagged or error_of(code)
    if code == PromptTooLong.code:  # so the Responses API tells it, in a stream
        return _too_long()
    said = f" (code {code})" if isinstance(code, str) and code.isidentifier() else ""
    return UpstreamError(f"The upstream reported an error while answering{said}.")


def _error_in(said: bytes) -> Any:
    try:
        return orjson.loads(said)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None


def _flagged(error: Any) -> PromptFlagged | None:
    """OpenRouter says why its moderation has flagged the input, beside the input; other
    403 are about our key."""
    said = error.get("metadata") if isinstance(error, dict) else None
    reasons = said.get("reasons") if isinstance(said, dict) else None
    if not isinstance(reasons, list):
        return None
    named = [why for why in reasons if isinstance(why, str) and _REASON.fullmatch(why)]
    why = f" ({', '.join(named[:_MOST_REASONS])})" if named else ""
    return PromptFlagged(f"The upstream's moderation has flagged the input{why}.")


def _too_long() -> PromptTooLong:
    what = "Prompt and answer do not fit the context window of the model."
    return PromptTooLong(what, param="messages")


def retry_after_s(value: str | None) -> float | None:
    """Seconds from now, of a `Retry-After` in either of its forms; None if none."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(date: str) -> float:
    try:
        when = parsedate_to_datetime(date)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return (when - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):  # no date, or none of this calendar
        return math.nan
