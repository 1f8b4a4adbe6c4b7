"""What a client is told whose limit is reached, or whose budget is spent."""

from datetime import UTC, datetime

from deployments.errors import RateLimited
from deployments.limits.ledger_protocol import Resource
from serve_app.access.holding import Holding

_WHAT = {
    "rpm": "requests per minute",
    "tpm": "tokens per minute",
    "parallel": "requests at a time",
}


def limit_reached(
    resource: Resource, holding: Holding, amount: float, wait_s: float | None
) -> RateLimited:
    """`amount`: what this request asked for."""
    whose = "this key" if resource.key_id else "this tenant"
    capacity = holding.capacity or 0.0
    message = f"The limit of {whose} is reached: {capacity:.0f} {_WHAT[resource.kind]}."
    if resource.kind == "tpm" and amount > capacity:
        message += f" This request alone asks for up to {amount:.0f}."
        error = RateLimited(message)
        error.passes = False  # however long it waits
        return error
    return RateLimited(message, retry_after_s=wait_s)


def insufficient_quota(holding: Holding, wait_s: float | None) -> RateLimited:
    """What is left of the budget, and when it begins anew."""
    left = max(0.0, holding.left + holding.part.free)
    whole = holding.capacity or 0.0
    message = f"Of the budget of {whole:.2f} USD {left:.6f} are left"
    message += f"{_until(holding)}: less than this request may cost at most."
    if left:
        message += " A smaller max_tokens makes that less."
    return RateLimited(
        message,
        code="insufficient_quota",
        error_type="insufficient_quota",
        retry_after_s=wait_s,
    )


def _until(holding: Holding) -> str:
    if holding.resets_at is None:
        return ""
    when = datetime.fromtimestamp(holding.resets_at, UTC)
    return f" until {when:%Y-%m-%d %H:%M} UTC"
