"""What an answer cost, of what its upstream said of it."""

from typing import Any

from deployments.backends.surcharges import Shown, is_priced
from deployments.protocol.backend import BackendRequest, CostSource, Settlement, Usage


def settle(  # noqa: PLR0913  (what a settlement holds)
    request: BackendRequest,
    usage: Usage | None,
    cost_usd: float | None,
    provider: str | None,
    *,
    generation_id: str | None = None,
    upstream_s: float | None = None,
    said: dict[str, Any] | None = None,
    shown: Shown | None = None,
) -> Settlement:
    """The upstream's own figure wins; else the price table; else unknown.

    `shown`: by the answer, of charges that the table does not know; None: its upstream
    has no others than for tokens.
    """
    source: CostSource = "upstream"
    if cost_usd is None:
        if shown is None or is_priced(request.surcharges, shown):
            cost_usd = priced(request, usage)
        source = "unknown" if cost_usd is None else "price_table"
    return Settlement(
        usage, cost_usd, source, provider, generation_id, upstream_s, said
    )


def priced(request: BackendRequest, usage: Usage | None) -> float | None:
    """What the price table says of an answer; None where that is not known."""
    if usage is None:
        return None
    return request.price.cost_usd(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens or 0,
        usage.cache_write_tokens or 0,
    )
