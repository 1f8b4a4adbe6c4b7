"""How large a request is, in the tokens that limits and windows reckon with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from deployments.backends.tokens import (
    MARGIN,
    TOKENS_PER_IMAGE,
    TOKENS_PER_MESSAGE,
    count_tokens,
)


class PromptSize:
    """The prompt of one request in tokens, counted only if a bound does not do.

    Text, tool definitions and schemas count; an image counts as a full-size one. Audio,
    video and files are not counted: how many tokens they make is the provider's secret.

    A request may hold several prompts, each with an answer of its own: all of them are
    paid for, but only the `longest` has to fit a window. `shared` is read with each.
    """

    def __init__(  # noqa: PLR0913  (what a prompt is made of)
        self,
        texts: tuple[str, ...],
        *,
        shared: tuple[str, ...] = (),
        n_messages: int = 0,
        n_images: int = 0,
        n_tokens: int = 0,
        n_prompts: int = 1,
        longest: "PromptSize | None" = None,
    ) -> None:
        self._texts = texts
        self._shared = shared
        self._fixed = n_messages * TOKENS_PER_MESSAGE + n_images * TOKENS_PER_IMAGE
        self._fixed += n_tokens
        self._longest = longest
        self.n_prompts = n_prompts

    @cached_property
    def bound(self) -> int:
        """Not less than all tokens, whatever byte-level tokenizer counts."""
        return self._fixed + self._sum(n_bytes)

    @cached_property
    def tokens(self) -> int:
        """Of all, estimated with a margin for other vocabularies than the one that
        counts."""
        counted = self._sum(count_tokens)
        return min(self.bound, self._fixed + round(MARGIN * counted))

    @property
    def longest(self) -> "PromptSize":
        """What has to fit a window."""
        return self._longest or self

    def fits(self, tokens: float) -> bool:
        """Whether no prompt is longer than `tokens`."""
        longest = self.longest
        return longest.bound <= tokens or longest.tokens <= tokens

    def _sum(self, size: Callable[[str], int]) -> int:
        shared = sum(map(size, self._shared))
        return sum(map(size, self._texts)) + self.n_prompts * shared


def n_bytes(text: str) -> int:
    """As UTF-8, lone surrogates too."""
    return len(text.encode("utf-8", "surrogatepass"))


NO_PROMPT = PromptSize(())


@dataclass(frozen=True, slots=True)
class AnswerSize:
    """`n` answers of at most `longest` tokens each; None = nothing bounds them.

    `predicted`: what the client expects to be written. What is not is paid for beside
    what is: OpenAI counts it as written, too. `extras`: the upstream may do more than
    write (search, read files, run tools), which no price by the token covers.
    """

    n: int
    longest: int | None
    predicted: PromptSize = NO_PROMPT
    extras: bool = False

    def tokens(self, unbounded: int) -> int:
        """All that may be written; `unbounded` is the length of what has no bound."""
        return self.n * ((self.longest or unbounded) + self.predicted.tokens)
