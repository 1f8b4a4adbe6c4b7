"""Headers that tell a client what is left of its limits, as OpenAI writes them."""

from math import ceil

from deployments.limits.ledger_protocol import Kind
from serve_app.access.holding import Holding

NAMES: dict[Kind, str] = {"rpm": "requests", "tpm": "tokens"}


def tell_left(headers: dict[str, str], name: str, holding: Holding, now: float) -> None:
    """Of a key's and its tenant's limit the one of which less is left."""
    remaining = max(0, int(holding.left + holding.part.free))
    told = headers.get(f"x-ratelimit-remaining-{name}")
    if told is not None and int(told) <= remaining:
        return
    whole_in_s = max(0.0, (holding.resets_at or now) - now)
    headers[f"x-ratelimit-limit-{name}"] = f"{holding.capacity:.0f}"
    headers[f"x-ratelimit-remaining-{name}"] = str(remaining)
    headers[f"x-ratelimit-reset-{name}"] = duration(whole_in_s)


def duration(seconds: float) -> str:
    """As OpenAI writes it: `1s`, `1m1s`, `6m0s`; whole seconds, rounded up."""
    minutes, left = divmod(ceil(seconds), 60)
    return f"{minutes}m{left}s" if minutes else f"{left}s"
