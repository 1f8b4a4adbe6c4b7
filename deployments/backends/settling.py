"""What an answer cost, of what its upstream said of it."""

from deployments.protocol import BackendRequest, Settlement, Usage


def settle(
    request: BackendRequest,
    usage: Usage | None,
    cost_usd: float | None,
    provider: str | None,
) -> Settlement:
    """The upstream's own figure wins; else the price table; else unknown."""
    if cost_usd is not None:
        return Settlement(usage, cost_usd, "upstream", provider)
    if usage is not None:
        cost_usd = request.price.cost_usd(
            usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens or 0
        )
    source = "unknown" if cost_usd is None else "price_table"
    return Settlement(usage, cost_usd, source, provider)  # type: ignore[arg-type]
