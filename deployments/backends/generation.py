"""OpenRouter's record of one generation: what an answer was charged, told later."""

from typing import Any

import orjson

from deployments.protocol import Settlement, Usage


def settlement_of_generation(body: bytes) -> Settlement | None:
    """The settlement in an answer of `GET generation?id=`; None if it holds no cost.

    Token counts are the provider's own where it states them, as `usage` has them.
    """
    try:
        data = orjson.loads(body)["data"]
        cost_usd = float(data["total_cost"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    provider = data.get("provider_name")
    return Settlement(
        usage=_usage(data),
        cost_usd=cost_usd,
        cost_source="upstream",
        provider=provider if isinstance(provider, str) else None,
    )


def _usage(data: dict[str, Any]) -> Usage | None:
    prompt = _count(data, "native_tokens_prompt", "tokens_prompt")
    completion = _count(data, "native_tokens_completion", "tokens_completion")
    if prompt is None or completion is None:
        return None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cached_tokens=_count(data, "native_tokens_cached"),
        reasoning_tokens=_count(data, "native_tokens_reasoning"),
    )


def _count(data: dict[str, Any], *names: str) -> int | None:
    values = (data.get(name) for name in names)
    return next((value for value in values if isinstance(value, int)), None)
