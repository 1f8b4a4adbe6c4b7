"""The figures that upstreams state, taken only where they can be true.

Budgets are charged by them, so one that cannot be true is no figure at all (None): the
price table or what was reserved counts instead. A negative one would credit a budget.
"""

from math import inf

from deployments.protocol import Usage

# More than any answer has; a column of SQL and the sum of many such still hold it.
_MOST_TOKENS = 2**31 - 1


def stated_tokens(value: object) -> int | None:
    """A number of tokens."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


def stated_usd(value: object) -> float | None:
    """What was charged."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < inf else None


def stated_usage(
    prompt: object, completion: object, cached: object, reasoning: object
) -> Usage | None:
    """Of an answer; None where it does not say what it read and wrote.

    Cached tokens are a part of the prompt's: more than these cannot be.
    """
    read, written = stated_tokens(prompt), stated_tokens(completion)
    if read is None or written is None:
        return None
    from_cache = stated_tokens(cached)
    if from_cache is not None and from_cache > read:
        from_cache = None
    return Usage(read, written, read + written, from_cache, stated_tokens(reasoning))
