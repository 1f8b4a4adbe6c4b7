"""What models have thought, as it comes back in a conversation.

Often only who has thought it can read it (not another model, nor by the key of another
organisation), and upstreams that know no such field refuse a request for it. What was
said and done is all that every model can read.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from serve_app.answering.chat import Chat

Fields = dict[str, Any]

_SEALED = "reasoning.encrypted_content"  # what `include` of a response asks for
# Of a chat completion's message: OpenRouter's, DeepSeek's and vLLM's, LiteLLM's.
_OF_MESSAGES = (
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "thinking_blocks",
)
_PARTS = ("thinking", "redacted_thinking")  # of its content: Mistral's, Anthropic's
# Items that a model makes after it has thought, and that need no id.
_MADE = ("function_call", "custom_tool_call")


def without_thoughts(chat: Chat) -> Chat | None:
    """The same request without them; None where it has none."""
    raw = dict(chat.raw)
    if chat.surface == "chat/completions":
        raw["messages"] = [_said(message) for message in raw["messages"]]
    elif chat.surface == "responses":
        if isinstance(raw["input"], list):
            raw["input"] = _kept(raw["input"], lambda item: True)
        if isinstance(included := raw.get("include"), list):
            raw["include"] = [name for name in included if name != _SEALED]
    return None if raw == chat.raw else replace(chat, raw=raw)


def without_references(items: list[Fields]) -> list[Fields]:
    """Items of a response's input without thoughts of which only the id has come back:
    that refers to what its upstream keeps, and nothing is kept."""
    return _kept(items, _only_refers)


def _only_refers(item: Fields) -> bool:
    return not item.get("encrypted_content") and not item.get("content")


def _kept(items: list[Fields], goes: Callable[[Fields], bool]) -> list[Fields]:
    """Without the reasoning that `goes`. By the ids of what the model has made after it
    OpenAI would miss it."""
    return list(_left(items, goes)) or items


def _left(items: list[Fields], goes: Callable[[Fields], bool]) -> Iterator[Fields]:
    missed = False
    for item in items:
        kind = item.get("type") or "message"
        if kind == "reasoning":
            missed = goes(item)
            if missed:
                continue
        elif kind == "message":
            missed = missed and item.get("role") == "assistant"
        made = kind == "message" or kind in _MADE
        yield _without(item, ("id",)) if missed and made else item


def _said(message: Fields) -> Fields:
    """A message of a chat completion without thoughts."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if part.get("type") not in _PARTS]
        if len(parts) < len(content):
            message = {**message, "content": parts or None}
    return _without(message, _OF_MESSAGES)


def _without(fields: Fields, names: tuple[str, ...]) -> Fields:
    if not any(name in fields for name in names):
        return fields
    return {name: value for name, value in fields.items() if name not in names}
