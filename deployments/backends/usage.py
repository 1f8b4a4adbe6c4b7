"""What an upstream's `usage` says was read, written and charged."""

from typing import Any

from deployments.backends.figures import (
    charged_in,
    stated_cost,
    stated_tokens,
    stated_usage,
)
from deployments.protocol.backend import Usage

# Anthropic's words for what its cache read and wrote, which gateways pass on.
_CACHE = ("cache_read_input_tokens", "cache_creation_input_tokens")
# What was written to it as a part of `prompt_tokens`: OpenAI's and OpenRouter's word in
# the details, and LiteLLM's.
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens")
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def usage_of(data: dict[str, Any]) -> Usage | None:
    """OpenAI's `usage` object, or None where it is missing or not usable."""
    said = data.get("usage")
    if not isinstance(said, dict):
        return None
    prompt: Any = said.get("prompt_tokens")
    cached = detail(said, "prompt_tokens_details", "cached_tokens")
    cache_write = _written_of(said)
    if (held := _held_beside(said)) is not None:
        cached, cache_write = held
        prompt += cached + cache_write
    return stated_usage(
        prompt,
        said.get("completion_tokens"),
        cached,
        detail(said, "completion_tokens_details", "reasoning_tokens"),
        said.get("total_tokens"),
        cache_write=cache_write,
    )


def cost_of(data: dict[str, Any]) -> float | None:
    """In USD, as an upstream states it in `usage`; None if unsaid."""
    said = data.get("usage")
    if not isinstance(said, dict):
        return None
    by_provider = detail(said, "cost_details", "upstream_inference_cost")
    return stated_cost(charged_in(said), said.get("is_byok"), by_provider)


def detail(usage: dict[str, Any], group: str, name: str) -> Any:
    """A field of one of the objects in a `usage`; None where either is missing."""
    details = usage.get(group)
    return details.get(name) if isinstance(details, dict) else None


def _written_of(usage: dict[str, Any]) -> Any:
    """What a cache wrote of `prompt_tokens`, under the first name that states it."""
    named = [detail(usage, "prompt_tokens_details", name) for name in _WRITTEN]
    return next((each for each in named if each is not None), usage.get(_CACHE[1]))


def _held_beside(usage: dict[str, Any]) -> tuple[int, int] | None:
    """What a cache read and wrote beside `prompt_tokens`; None where these hold it.

    Bedrock's and Anthropic's are without it, whose prompts would cost next to nothing
    then; LiteLLM's are with it. Where the total has room for it, it is not in them.
    """
    read, written = (stated_tokens(usage.get(name)) or 0 for name in _CACHE)
    counts = [stated_tokens(usage.get(name)) for name in _COUNTS]
    prompt, completion, total = counts
    if prompt is None or completion is None or not (held := read + written):
        return None
    apart = (total or 0) - prompt - completion
    thought = detail(usage, "completion_tokens_details", "reasoning_tokens")
    beside = held > prompt or (apart >= held and apart != thought)
    return (read, written) if beside else None
