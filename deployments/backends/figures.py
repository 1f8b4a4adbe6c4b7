"""The figures that upstreams state, taken only where they can be true.

Budgets are charged by them, so one that cannot be true is no figure at all (None): the
price table or what was reserved counts instead. A negative one would credit a budget.
"""

from typing import Any

from deployments.protocol.backend import Usage

# More than any answer has; a column of SQL and the sum of many such still hold it.
_MOST_TOKENS = 2**31 - 1
# Likewise; the store keeps nothing that is beyond, so it would count as nothing.
_MOST_USD = 1e6
_TICKS_PER_USD = 1e10


def stated_tokens(value: object) -> int | None:
    """A number of tokens."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


def stated_usd(value: object) -> float | None:
    """What was charged."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MOST_USD else None


def charged_in(usage: dict[str, Any]) -> object:
    """What a `usage` says was charged, in USD if it can be true.

    OpenRouter's `cost` is a number, Perplexity's an object with a total; xAI counts in
    ticks. All hold what was searched for, too, which no price by the token does.
    """
    cost, ticks = usage.get("cost"), usage.get("cost_in_usd_ticks")
    if isinstance(cost, dict):
        return cost.get("total_cost")
    if cost is None and isinstance(ticks, int) and not isinstance(ticks, bool):
        return ticks / _TICKS_PER_USD
    return cost


def stated_cost(charged: object, own_key: object, by_provider: object) -> float | None:
    """What OpenRouter says an answer cost.

    What it charged; where it asked a provider by a key of the customer's own (its
    `is_byok`) that is a fee or nothing, and what the provider charges comes on top.
    """
    cost_usd = stated_usd(charged)
    if own_key is not True:
        return cost_usd
    provider_usd = stated_usd(by_provider)
    return None if provider_usd is None else provider_usd + (cost_usd or 0.0)


def stated_usage(  # noqa: PLR0913  (what a usage holds)
    prompt: object,
    completion: object,
    cached: object,
    reasoning: object,
    total: object = None,
    *,
    cache_write: object = None,
) -> Usage | None:
    """Of an answer; None where it does not say what it read and wrote.

    What a cache read and wrote is a part of the prompt: more cannot be. Reasoning is a
    part of what was written; where the total says that it is not, it is added: it is
    paid for as well. xAI states it apart; Google's endpoint for OpenAI's clients does
    not state it at all, but in the total.
    """
    read, written = stated_tokens(prompt), stated_tokens(completion)
    if read is None or written is None:
        return None
    thought = stated_tokens(reasoning)
    apart = (stated_tokens(total) or 0) - read - written
    if apart > 0 and thought in (None, apart):
        written += apart
    from_cache = stated_tokens(cached)
    if from_cache is not None and from_cache > read:
        from_cache = None
    to_cache = stated_tokens(cache_write)
    if to_cache is not None and to_cache > read - (from_cache or 0):
        to_cache = None
    return Usage(read, written, read + written, from_cache, thought, to_cache)
