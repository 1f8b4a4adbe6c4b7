"""Fields by which an upstream that is a gateway itself lets clients choose a model.

It would be one that the tenant may not use, for all that we know, and that no budget
was reserved for; and it would be charged by the price of the one that was asked for.
"""

from collections.abc import Iterator
from typing import Any

# Models to fall back to, of OpenRouter and Vercel, and of LiteLLM and others; and
# OpenRouter's stored settings with a model in them.
_CHOOSING = (
    "models",
    "preset",
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
)
# Where they stand beside the body itself: in what LiteLLM's proxy takes out of it and
# passes on, in the options of Vercel's gateway, and of orq's.
_WITHIN = (("extra_body",), ("providerOptions", "gateway"), ("orq",))


def other_model_field(raw: dict[str, Any]) -> str | None:
    """The first such field of a request body, or None."""
    for path, fields in _fields(raw):
        for name in _CHOOSING:
            if fields.get(name):
                return ".".join((*path, name))
    return None


def _fields(raw: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    yield (), raw
    for path in _WITHIN:
        inside: Any = raw
        for name in path:
            inside = inside.get(name) if isinstance(inside, dict) else None
        if isinstance(inside, dict):
            yield path, inside
