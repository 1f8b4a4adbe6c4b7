"""Our headers and the one place where errors become HTTP."""

from collections.abc import Mapping
from math import ceil

import orjson
from starlette.responses import Response

from deployments.errors import RateLimited, ServingError, UpstreamRefusal
from serve_app.answering.answered import Answered

# A budget that is nearly spent passes over hundreds of models, and a proxy refuses an
# answer whose head is longer than it reads (HAProxy: 16 KiB).
_MOST_TOLD = 20

# OpenAI's official clients ask again by themselves, whatever the error is. Some sleep
# as long as `Retry-After` says, which is days where a budget is spent, and others half
# a second; all of them raise at once if this says so.
_ASK_NO_MORE = {"x-should-retry": "false"}
_LONGEST_SLEEP_S = 120.0  # of OpenAI's client for Python, which itself raises then


def json_response(
    content: object, headers: Mapping[str, str] | None = None
) -> Response:
    """Compact JSON."""
    body = orjson.dumps(content)
    return Response(body, headers=headers, media_type="application/json")


def error_response(error: ServingError, *, status: int | None = None) -> Response:
    """OpenAI's envelope; `Retry-After` where the error knows it."""
    headers = dict(error.headers)
    if _is_for_longer(error):
        headers |= _ASK_NO_MORE
    if error.retry_after_s is not None:
        headers["retry-after"] = f"{max(1, ceil(error.retry_after_s))}"
    if error.model is not None:
        headers["x-routed-model"] = error.model
    return Response(
        orjson.dumps(error.body()),
        status_code=status or error.status,
        headers=headers,
        media_type="application/json",
    )


def _is_for_longer(error: ServingError) -> bool:
    """Whether a client that comes again by itself is told the same."""
    if error.retry_after_s is not None:
        return error.retry_after_s > _LONGEST_SLEEP_S
    return isinstance(error, RateLimited | UpstreamRefusal) and not error.passes


def routing_headers(
    answered: Answered, cost_usd: float | None = None
) -> dict[str, str]:
    """Who answered, why, and (once it is known) for how much."""
    headers = {
        "x-routed-model": answered.model,
        "x-routed-backend": answered.backend,
        "x-routing": answered.cause,
        "x-routing-alpha": f"{answered.alpha:g}",
        "x-routing-fallbacks": _fallbacks(answered),
    }
    if answered.artifact_id is not None:
        headers["x-routing-artifact"] = answered.artifact_id[:12]
    if cost_usd is not None:
        headers["x-response-cost-usd"] = f"{cost_usd:.10f}".rstrip("0").rstrip(".")
    return headers


def _fallbacks(answered: Answered) -> str:
    """`0`, or how many models failed or were passed over, and why each of the first:
    `1; gpt-4o=upstream_rate_limit`."""
    failures = answered.failures
    told = (f"{each.model}={each.reason}" for each in failures[:_MOST_TOLD])
    return "; ".join([str(len(failures)), *told])
