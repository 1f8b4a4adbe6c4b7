"""How much answer a request asks for at worst: how many answers, how long each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from serve_app.answering.chat import Chat
from serve_app.answering.prompt_size import PromptSize

_NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AnswerSize:
    """`n` answers of at most `longest` tokens each; None = nothing bounds them."""

    n: int
    longest: int | None

    def tokens(self, unbounded: int) -> int:
        """All that may be written; `unbounded` is the length of what has no bound."""
        return self.n * (self.longest or unbounded)


def answer_size(
    chat: Chat, prompt: PromptSize, defaults: Mapping[str, Any] = _NO_DEFAULTS
) -> AnswerSize:
    """Of a request as it is sent, `defaults` where the client says nothing.

    Candidates are written, and charged, whether they are returned (`n`) or only the
    best of them is (`best_of`); each prompt has its own.
    """

    n, longest = 1, 0
    for name in _CANDIDATES:
        n = max(n, _count(chat.raw.get(name), defaults.get(name)))
    for name in _LIMITS[chat.surface]:
        longest = max(longest, _count(chat.raw.get(name), defaults.get(name)))
    return AnswerSize(n * prompt.n_prompts, longest or None)


def _count(said: object, default: object) -> int:
    """0 for what is none: of a field that the path does not know."""
    value = default if said is None else said
    return value if isinstance(value, int) and value > 0 else 0


_CANDIDATES = ("n", "best_of")
# Where a request has both, it is the upstream's affair which one counts.
_LIMITS = {
    "chat/completions": ("max_tokens", "max_completion_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
