"""What a request asks for beside text, which no price by the token covers."""

from collections.abc import Mapping
from typing import Any

from deployments.protocol.backend import PROMPT_FIELDS, Surcharges
from serve_app.answering.chat import Chat


def said(chat: Chat, name: str, defaults: Mapping[str, Any]) -> object:
    """A field of a request as it is sent; null is nothing: the default stands."""
    value = chat.raw.get(name)
    return defaults.get(name) if value is None else value


def surcharges(chat: Chat, defaults: Mapping[str, Any]) -> Surcharges:
    """Of a request as it is sent, `defaults` where the client says nothing.

    What the catalog has a model served in by default is the tier that its price is of.
    """
    asked, usual = said(chat, "service_tier", defaults), defaults.get("service_tier")
    return Surcharges(
        asked if isinstance(asked, str) else None,
        usual if isinstance(usual, str) else None,
        extras=asks_for_extras(chat, defaults),
    )


def asks_for_extras(chat: Chat, defaults: Mapping[str, Any]) -> bool:
    """How many there will be, and at what price each, no request says."""
    asked = (said(chat, name, defaults) for name in _EXTRAS)
    if any(
        each not in (None, False, []) for each in asked
    ):  # {} asks for a search, too
        return True
    kinds = said(chat, "modalities", defaults)
    if isinstance(kinds, list) and any(kind != "text" for kind in kinds):
        return True
    spoken = chat.raw.get(PROMPT_FIELDS[chat.surface])
    items = spoken if isinstance(spoken, list) else []
    # A conversation may bring tools of its own (`additional_tools` of a response).
    offers = [item.get("tools") for item in items if isinstance(item, dict)]
    offers.append(said(chat, "tools", defaults))
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
    kind = tool.get("type")
    if kind is None:
        return not ("function" in tool or "name" in tool)
    return not (isinstance(kind, str) and kind.startswith(_CLIENT_S))


# Searches of OpenRouter, OpenAI, xAI and Alibaba, and what else OpenRouter does with a
# prompt.
_EXTRAS = ("plugins", "web_search_options", "search_parameters", "enable_search")
# How the types of tools begin that the client runs, Anthropic's dated ones among them
# (`bash_20250124`); all others are the upstream's.
_CLIENT_S = (
    "function",
    "custom",
    "computer",
    "bash",
    "text_editor",
    "memory",
    "local_shell",
    "apply_patch",
)
