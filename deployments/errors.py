"""Errors that a client sees, each with its HTTP status and OpenAI's words.

    ServingError
    ├── InvalidRequest      400 invalid_request_error (PromptTooLong, Unsupported: for
    │                       this model)
    ├── Unauthenticated     401 authentication_error
    ├── Forbidden           403 permission_error
    ├── NotFound            404 invalid_request_error
    ├── RequestTimeout      408 timeout_error
    ├── PayloadTooLarge     413 invalid_request_error
    ├── UnreadEncoding      415 invalid_request_error
    ├── RateLimited         429 rate_limit_exceeded
    ├── UpstreamError       502 upstream_error (UpstreamRefusal: will not serve us;
    │   │                   UpstreamForbids: its 403)
    │   ├── PromptFlagged   403 invalid_request_error (an UpstreamForbids)
    │   └── UpstreamTimeout 504 upstream_timeout
    ├── Overloaded          503 overloaded (QueueFull: too many wait for it already)
    └── RoutingUnavailable  503 routing_unavailable
        └── NotProfiled     400 model_not_profiled

They cross process boundaries whole, and are rendered in one place
(`serve_app.http.responses`). Messages never hold a prompt or a key.
"""

# Everybody takes it from here, beside its kinds.
from deployments.serving_error import ServingError as ServingError


def mark_generation(error: BaseException, generation_id: str | None) -> None:
    """Say with `error` which of the upstream's answers it ended.

    A client that leaves ends one, too: the CancelledError then carries the id.
    """
    vars(error)["generation_id"] = generation_id


def generation_of(error: BaseException) -> str | None:
    """The inverse; None where nobody has said it."""
    generation_id: str | None = getattr(error, "generation_id", None)
    return generation_id


class InvalidRequest(ServingError):
    """The request itself is wrong; `param` names the field."""

    status = 400
    error_type = "invalid_request_error"


class PromptTooLong(InvalidRequest):
    """Prompt and answer are longer than the model's context window."""

    code = "context_length_exceeded"
    retryable = True  # another model's window may be larger


class Unsupported(InvalidRequest):
    """The model, or every provider of it, does not take what is in this request."""

    code = "model_not_suitable"
    retryable = True  # another model may take it


class Unauthenticated(ServingError):
    """No key, or one that is not known."""

    status = 401
    error_type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(ServingError):
    """The key is known but may not use what it asked for."""

    status = 403
    error_type = "permission_error"


class NotFound(ServingError):
    """No such model, cost tier or path."""

    status = 404
    error_type = "invalid_request_error"
    code = "model_not_found"


class RequestTimeout(ServingError):
    """The client did not send its request in time."""

    status = 408
    error_type = "timeout_error"


class PayloadTooLarge(ServingError):
    """The body is over the limit."""

    status = 413
    error_type = "invalid_request_error"
    code = "request_too_large"


class UnreadEncoding(ServingError):
    """The body is compressed."""

    status = 415
    error_type = "invalid_request_error"
    code = "unsupported_content_encoding"


class RateLimited(ServingError):
    """Too many requests, ours or the upstream's limit; `retry_after_s` says when."""

    status = 429
    error_type = "rate_limit_exceeded"
    code = "rate_limit_exceeded"
    retryable = True  # limits are set per model
    passes = True  # a limit is a matter of time


class UpstreamError(ServingError):
    """The upstream failed, or its answer makes no sense."""

    status = 502
    error_type = "upstream_error"
    code = "upstream_error"
    retryable = True  # another model lives elsewhere
    passes = True  # most failures of a service are short


class UpstreamRefusal(UpstreamError):
    """The upstream will not serve this model to us: credits, permission, no such model.

    Asking again does not help; another model may.
    """

    passes = False  # somebody has to change something first


class UpstreamForbids(UpstreamRefusal):
    """The upstream's 403: of the model, or of this prompt, which its moderation has
    flagged."""


class PromptFlagged(UpstreamForbids):
    """The upstream's moderation has flagged the input. The client is told as OpenRouter
    tells it: only he can mend it, and to ask again is in vain."""

    status = 403
    error_type = "invalid_request_error"
    code = "content_policy_violation"


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer in time."""

    status = 504
    error_type = "upstream_timeout"
    code = "upstream_timeout"


class Overloaded(ServingError):
    """No capacity of ours is free."""

    status = 503
    error_type = "overloaded"
    code = "overloaded"
    retryable = True  # another backend may have room
    passes = True  # room is made as answers end


class QueueFull(Overloaded):
    """As many wait for a deployment of ours as may. That says nothing about whether it
    works, and a place may be free a moment later."""


class RoutingUnavailable(ServingError):
    """No decision could be made. A client is told so by `/v1/route`, and where its
    `max_cost_usd` could not be kept without one; all else is answered all the same."""

    status = 503
    error_type = "routing_unavailable"
    code = "routing_unavailable"


class NotProfiled(RoutingUnavailable):
    """The artifact has no records of any candidate: asking again will not help."""

    status = 400
    error_type = "invalid_request_error"
    code = "model_not_profiled"
