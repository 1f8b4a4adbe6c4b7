"""OpenRouter's record of one generation: what an answer was charged, told later."""

from typing import Any

import orjson

from deployments.backends.figures import stated_cost, stated_tokens, stated_usage
from deployments.protocol.backend import Settlement, Usage


def settlement_of_generation(body: bytes) -> Settlement | None:
    """The settlement in an answer of `GET generation?id=`; None if it holds no cost.

    Token counts are the provider's own where it states them, as `usage` has them.
    """
    try:
        data = orjson.loads(body)["data"]
        by_provider = data.get("upstream_inference_cost")
        cost_usd = stated_cost(data["total_cost"], data.get("is_byok"), by_provider)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return None
    if cost_usd is None:
        return None
    provider = data.get("provider_name")
    return Settlement(
        usage=_usage(data),
        cost_usd=cost_usd,
        cost_source="upstream",
        provider=provider if isinstance(provider, str) else None,
    )


def _usage(data: dict[str, Any]) -> Usage | None:
    return stated_usage(
        _count(data, "native_tokens_prompt", "tokens_prompt"),
        _count(data, "native_tokens_completion", "tokens_completion"),
        data.get("native_tokens_cached"),
        data.get("native_tokens_reasoning"),
    )


def _count(data: dict[str, Any], *names: str) -> int | None:
    counts = (stated_tokens(data.get(name)) for name in names)
    return next((count for count in counts if count is not None), None)
