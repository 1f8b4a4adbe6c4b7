"""What an upstream's status, or the error in its answer, means to us.

An upstream's own message is never repeated: it may quote the prompt or the key.
"""

from http import HTTPStatus
from typing import Any

from deployments.backends.exchange import Reply
from deployments.backends.retry_after import retry_after_s
from deployments.backends.upstream_said import Said, said_in, said_of
from deployments.backends.upstream_wordings import Meaning, meaning_of
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
_HAS_FLAGGED = "The upstream's moderation has flagged the input"
# What an answer that has begun with status 200 says instead of one, by OpenAI.
_STATUSES = {"rate_limit_exceeded": 429, "server_error": 500}
# By which status it is usually told that the operator has to change something.
_OPERATORS = {
    Meaning.BAD_KEY: HTTPStatus.UNAUTHORIZED,
    Meaning.NO_CREDITS: HTTPStatus.PAYMENT_REQUIRED,
    Meaning.SHUT_OUT: HTTPStatus.FORBIDDEN,
    Meaning.NO_MODEL: HTTPStatus.NOT_FOUND,
}
_WHY = {
    Meaning.BAD_KEY: "it does not take the key",
    Meaning.NO_CREDITS: "its credits are used up",
    Meaning.SHUT_OUT: "it does not serve the account",
    Meaning.NO_MODEL: "it has no such model for us",
}


def status_error(reply: Reply, body: bytes = b"") -> ServingError:
    """The error that a status other than 200 stands for, with its body if EXPLAINED."""
    error = _explained(reply.status, said_in(body))
    error.retry_after_s = retry_after_s(reply.header("retry-after"))
    return error


def error_of(status: int) -> ServingError:
    """The error for an HTTP status, or for a `code` inside an answer."""
    if status in REFUSED:
        return _refused(status, Said())
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


def reported_error(error: Any, status: int | None = None) -> ServingError:
    """What an `error` object in an answer with status 200 stands for; `status`: what
    its code is known to mean, where it holds none itself."""
    said = said_of(error)
    status = said.status or status or _STATUSES.get(said.code or "")
    return _explained(status, said)


def _explained(status: int | None, said: Said) -> ServingError:
    """The error for a status, or of an answer that has begun, by what is said."""
    meaning, name = meaning_of(said)
    if meaning and _believed(meaning, status, said):
        return _meant(meaning, name, status, said)
    if status is None:
        return _unexplained(said)
    if status in REFUSED and said.param == "model":  # which is ours, not the client's
        return _operators(Meaning.NO_MODEL)
    names_what = said.param not in {None, "model"}
    if status in REFUSED or (status in _OF_A_REFERENCE and names_what):
        return _refused(status, said)
    if status == HTTPStatus.FORBIDDEN and said.flagged is not None:
        return _flagged(said.flagged)
    return error_of(status)


def _believed(meaning: Meaning, status: int | None, said: Said) -> bool:
    """A rate limit is no more than that, whatever it says of contexts and models. Who
    names a field of the request speaks of that one: of the model of a tool, say."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return meaning in {Meaning.LARGER_THAN_RATE, Meaning.NO_CREDITS}
    of_a_field = said.param not in {None, "model"} and status != HTTPStatus.NOT_FOUND
    return not (of_a_field and meaning in _OPERATORS)


def _meant(
    meaning: Meaning, name: str | None, status: int | None, said: Said
) -> ServingError:
    if meaning is Meaning.UNSUPPORTED and status == HTTPStatus.NOT_FOUND:
        return Unsupported("No provider of the model takes what is in this request.")
    if meaning is Meaning.UNSUPPORTED:
        return _refused(status, said, Unsupported)
    if meaning is Meaning.FLAGGED:
        return _flagged((name,) if name else ())
    if meaning is Meaning.MODEL_FAILED:
        return _unexplained(said)
    if meaning in _OPERATORS:
        return _operators(meaning)
    # OpenAI's words, which clients look for that look for no code.
    what = "This model's maximum context length is exceeded by prompt and answer."
    if meaning is Meaning.LARGER_THAN_RATE:
        what = "Prompt and answer are more tokens than the upstream takes in a minute."
    return PromptTooLong(what, param="messages")


def _refused(
    status: int | None, said: Said, kind: type[InvalidRequest] | None = None
) -> ServingError:
    """What the upstream, or OpenRouter's provider, says of it is passed on as far as it
    is a name: of the field, and of what is wrong with it.

    How large a request may be is another matter at the next upstream.
    """
    if kind is None:
        large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        kind = Unsupported if large else InvalidRequest
    told = (f"status {status}" if status else None, said.code)
    why = ", ".join(each for each in told if each)
    what = "The upstream refused the request" + (f" ({why})." if why else ".")
    return kind(what, param=said.param, code="upstream_refused")


def _operators(meaning: Meaning) -> UpstreamRefusal:
    what = f"The upstream will not serve this model to us ({_WHY[meaning]})."
    return UpstreamRefusal(what, code=_REFUSALS[_OPERATORS[meaning]])


def _flagged(reasons: tuple[str, ...]) -> PromptFlagged:
    why = f" ({', '.join(reasons)})" if reasons else ""
    return PromptFlagged(f"{_HAS_FLAGGED}{why}.")


def _unexplained(said: Said) -> UpstreamError:
    code = said.code
    why = f" (code {code})" if code and code.isidentifier() else ""
    return UpstreamError(f"The upstream reported an error while answering{why}.")
