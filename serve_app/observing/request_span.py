"""The Gateway's span of one request: the root of what we add to a trace.

The model's own attributes (`gen_ai.*`) are in the backend's span, so that tokens are
not counted twice.
"""

from deployments.telemetry.spans import Attributes, Span
from deployments.usage.record import UsageRecord

_SERVER_ERROR = 500
_OK = 200


def incoming(request_id: str, route: str) -> tuple[str, Attributes]:
    """Name and attributes at the start, by the conventions for HTTP servers."""
    return f"POST {route}", {
        "http.request.method": "POST",
        "http.route": route,
        "avengers.request_id": request_id,
    }


def outcome(record: UsageRecord) -> Attributes:
    """What became of it."""
    return {
        "avengers.tenant": record.tenant,
        "avengers.requested_model": record.requested_model,
        "avengers.model": record.model,
        "avengers.cause": record.cause,
        "avengers.cost_tier": record.cost_tier,
        "avengers.alpha": record.alpha,
        "avengers.artifact": record.artifact_id,
        "avengers.failures": len(record.failures),
        "avengers.cost_usd": record.cost_usd,
    }


def end(span: Span, status: int, error: str | None) -> None:
    """Its status; errors of a client are none of the span's."""
    span.set({"http.response.status_code": status})
    if status >= _SERVER_ERROR:
        span.failed(error or str(status))
    elif status != _OK:
        span.set({"error.type": error or str(status)})
    span.end()
