"""How much answer a request asks for at worst: how many answers, how long each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from deployments.backends.surcharges import is_usual_tier
from serve_app.access.request_size import NO_PROMPT, AnswerSize, PromptSize
from serve_app.answering.chat import Chat
from serve_app.answering.extras import asks_for_extras, said
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
        n = max(n, _count(said(chat, name, defaults)))
    for name in _LIMITS[chat.surface]:
        longest = max(longest, _count(said(chat, name, defaults)))
    predicted = NO_PROMPT
    if chat.surface == "chat/completions":
        predicted = _predicted(said(chat, "prediction", defaults))
    # How much dearer another tier is, no price here says either; flex is cheaper.
    tier = said(chat, "service_tier", defaults)
    dearer = tier != "flex" and not is_usual_tier(tier)
    extras = dearer or asks_for_extras(chat, defaults)
    return AnswerSize(n * prompt.n_prompts, longest or None, predicted, extras)


def _predicted(value: object) -> PromptSize:
    return PromptSize(tuple(texts_in(value))) if value else NO_PROMPT


def _count(value: object) -> int:
    """0 for what is none: of a field that the path does not know."""
    return value if isinstance(value, int) and value > 0 else 0


_CANDIDATES = ("n", "best_of")
# Where a request has both, it is the upstream's affair which one counts.
_LIMITS = {
    "chat/completions": ("max_tokens", "max_completion_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
