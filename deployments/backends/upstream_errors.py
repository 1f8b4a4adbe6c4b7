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
    Unsupported,
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
# OpenAI's, for what the request refers to: items and files, tool servers.
_OF_A_REFERENCE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.FAILED_DEPENDENCY})
# Of these it is read why.
EXPLAINED = REFUSED | _OF_A_REFERENCE | {403, 429}
_REASON = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,40}")  # a name, nothing that is quoted
_MOST_REASONS = 8
_HAS_FLAGGED = "The upstream's moderation has flagged the input"
# OpenAI's, with the status of a rate limit: what was paid for is used up.
_SPENT = "insufficient_quota"
# OpenAI's: a temperature that its reasoning models do not take, and the like.
_OF_THE_MODEL = {"unsupported_parameter", "unsupported_value"}
# Azure's, of a prompt.
_FILTERED = {"content_filter", "content_policy_violation"}
_STATUS = re.compile("[45][0-9][0-9]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.[\]]{0,79}")
# OpenRouter's, of a tool, an image, a parameter; of the model itself it says "for".
_UNSUPPORTED = re.compile(rb"no endpoints found that ", re.IGNORECASE)
# OpenAI's code, and the words of others: few have a code for it.
_TOO_LONG = re.compile(
    rb"context[ _](?:length|window|limit)|(?:prompt|input) is too long"
    rb"|maximum (?:model|prompt) length|maximum number of tokens allowed",
    re.IGNORECASE,
)


def status_error(reply: Reply, said: bytes = b"") -> ServingError:
    """The error that a status other than 200 stands for, with its body if EXPLAINED."""
    error = _explained(reply.status, _error_in(said), said)
    error.retry_after_s = retry_after_s(reply.header("retry-after"))
    return error


def error_of(status: int) -> ServingError:
    """The error for an HTTP status, or for a `code` inside an answer."""
    if status in REFUSED:
        return _refused(status, None)
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
    if isinstance(code, str) and _STATUS.fullmatch(code):  # as LiteLLM's proxy has it
        code = int(code)
    if isinstance(code, int) and 400 <= code < 600:
        return _explained(code, error, _words(error))
    if code == PromptTooLong.code:  # so the Responses API tells it, in a stream
        return _too_long()
    if code == _SPENT:
        return _spent()
    said = f" (code {code})" if isinstance(code, str) and code.isidentifier() else ""
    return UpstreamError(f"The upstream reported an error while answering{said}.")


def _explained(status: int, said: Any, words: bytes) -> ServingError:
    """The error for a status, by what is said of it."""
    if status in REFUSED:
        too_long = _TOO_LONG.search(words)
        return _too_long() if too_long else _refused(status, said)
    if status == HTTPStatus.NOT_FOUND and _UNSUPPORTED.search(words):
        return Unsupported("No provider of the model takes what is in this request.")
    if status in _OF_A_REFERENCE and _names_what(said):
        return _refused(status, said)
    if status == HTTPStatus.TOO_MANY_REQUESTS and _code(said) == _SPENT:
        return _spent()
    flagged = _flagged(said) if status == HTTPStatus.FORBIDDEN else None
    return flagged or error_of(status)


def _names_what(said: Any) -> bool:
    """Whether a field of the request is named that holds the reference. Of the model it
    says `model`, or names none; others say these of a failure of their own, and name
    none either."""
    param = _name(said.get("param")) if isinstance(said, dict) else None
    return param not in {None, "model"} and said.get("code") != "model_not_found"


def _refused(status: int, said: Any) -> ServingError:
    """What the upstream, or OpenRouter's provider, says of it is passed on as far as it
    is a name: of the field, and of what is wrong with it."""
    param = code = None
    for told in (said, _of_provider(said)):
        if isinstance(told, dict):
            param = param or _name(told.get("param"))
            code = code or _name(told.get("code"))
    if code in _FILTERED:
        return PromptFlagged(f"{_HAS_FLAGGED} ({code}).")
    why = f"status {status}, {code}" if code else f"status {status}"
    what = f"The upstream refused the request ({why})."
    kind = Unsupported if code in _OF_THE_MODEL else InvalidRequest
    return kind(what, param=param, code="upstream_refused")


def _spent() -> UpstreamRefusal:
    what = "The upstream will not serve this model to us (its credits are used up)."
    return UpstreamRefusal(what, code=_REFUSALS[402])


def _code(said: Any) -> Any:
    """That of OpenRouter's provider, where it has one."""
    for told in (_of_provider(said), said):
        if isinstance(told, dict) and (code := told.get("code")):
            return code
    return None


def _words(error: dict[str, Any]) -> bytes:
    texts = (error.get("message"), _raw(error))
    said = " ".join(text for text in texts if isinstance(text, str))
    return said.encode("utf-8", "replace")


def _raw(error: Any) -> str | None:
    """OpenRouter passes on what its provider has said."""
    metadata = error.get("metadata") if isinstance(error, dict) else None
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return raw if isinstance(raw, str) else None


def _of_provider(said: Any) -> Any:
    raw = _raw(said)
    return None if raw is None else _error_in(raw.encode("utf-8", "replace"))


def _name(value: Any) -> str | None:
    named = isinstance(value, str) and _NAME.fullmatch(value)
    return value if named and value != str(None) else None  # LiteLLM's proxy writes it


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
    return PromptFlagged(f"{_HAS_FLAGGED}{why}.")


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
