"""How much answer a request asks for at worst: how many answers, how long each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from deployments.protocol.backend import PROMPT_FIELDS
from serve_app.access.request_size import NO_PROMPT, AnswerSize, PromptSize
from serve_app.answering.chat import Chat
from serve_app.answering.prompt_size import texts_in

_NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})


def answer_size(
    chat: Chat, prompt: PromptSize, defaults: Mapping[str, Any] = _NO_DEFAULTS
) -> AnswerSize:
    """Of a request as it is sent, `defaults` where the client says nothing.

    Candidates are written, and charged, whether they are returned (`n`) or only the
    best of them is (`best_of`); each prompt has its own.
    """

    n, longest = 1, 0
    for name in _CANDIDATES:
        n = max(n, _count(_said(chat, name, defaults)))
    for name in _LIMITS[chat.surface]:
        longest = max(longest, _count(_said(chat, name, defaults)))
    predicted = NO_PROMPT
    if chat.surface == "chat/completions":
        predicted = _predicted(_said(chat, "prediction", defaults))
    extras = _asks_for_extras(chat, defaults)
    return AnswerSize(n * prompt.n_prompts, longest or None, predicted, extras)


def _said(chat: Chat, name: str, defaults: Mapping[str, Any]) -> object:
    """null is nothing: the default stands."""
    said = chat.raw.get(name)
    return defaults.get(name) if said is None else said


def _asks_for_extras(chat: Chat, defaults: Mapping[str, Any]) -> bool:
    """How many there will be, and at what price each, no request says."""
    said = (_said(chat, name, defaults) for name in _EXTRAS)
    if any(each not in (None, False, []) for each in said):  # {} asks for a search, too
        return True
    if _said(chat, "service_tier", defaults) not in _USUAL_TIERS:
        return True
    spoken = chat.raw.get(PROMPT_FIELDS[chat.surface])
    items = spoken if isinstance(spoken, list) else []
    # A conversation may bring tools of its own (`additional_tools` of a response).
    offers = [item.get("tools") for item in items if isinstance(item, dict)]
    offers.append(_said(chat, "tools", defaults))
    return any(
        _is_upstream_s(tool)
        for tools in offers
        if isinstance(tools, list)
        for tool in tools
    )


def _is_upstream_s(tool: object) -> bool:
    """Whether the upstream runs it; Google's has no type, but its own name as field."""
    if not isinstance(tool, dict):
        return False
    if tool.get("type") is None:
        return not ("function" in tool or "name" in tool)
    return tool["type"] not in _CLIENT_S


def _predicted(value: object) -> PromptSize:
    return PromptSize(tuple(texts_in(value))) if value else NO_PROMPT


def _count(value: object) -> int:
    """0 for what is none: of a field that the path does not know."""
    return value if isinstance(value, int) and value > 0 else 0


_CANDIDATES = ("n", "best_of")
# Searches of OpenRouter, OpenAI, xAI and Alibaba, and what else OpenRouter does with a
# prompt.
_EXTRAS = ("plugins", "web_search_options", "search_parameters", "enable_search")
# In lists, as a client's value may be anything: not all of it can be hashed.
_USUAL_TIERS = [None, "auto", "default", "standard", "flex"]  # others are dearer
# Tools that the client runs; all others are the upstream's.
_CLIENT_S = ["function", "custom"]
# Where a request has both, it is the upstream's affair which one counts.
_LIMITS = {
    "chat/completions": ("max_tokens", "max_completion_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
