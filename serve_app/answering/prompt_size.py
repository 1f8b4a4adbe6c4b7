"""How large a request is, against the windows of the models that may answer it."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import orjson

from deployments.backends.tokens import (
    MARGIN,
    TOKENS_PER_IMAGE,
    TOKENS_PER_MESSAGE,
    count_tokens,
)
from deployments.catalog import ModelSpec


class PromptSize:
    """The prompt of one request in tokens, counted only if a bound does not do.

    Text, tool definitions and schemas count; an image counts as a full-size one. Audio
    and files are not counted: how many tokens they make is the provider's secret.
    """

    def __init__(
        self,
        texts: tuple[str, ...],
        *,
        n_messages: int = 0,
        n_images: int = 0,
        n_tokens: int = 0,
    ) -> None:
        self._texts = texts
        self._fixed = n_messages * TOKENS_PER_MESSAGE + n_images * TOKENS_PER_IMAGE
        self._fixed += n_tokens

    @cached_property
    def bound(self) -> int:
        """Not less than the prompt's tokens, whatever byte-level tokenizer counts."""
        return self._fixed + sum(
            len(text.encode("utf-8", "surrogatepass")) for text in self._texts
        )

    @cached_property
    def tokens(self) -> int:
        """Estimated with a margin for other vocabularies than the one that counts."""
        counted = sum(map(count_tokens, self._texts))
        return min(self.bound, self._fixed + round(MARGIN * counted))

    def fits(self, tokens: float) -> bool:
        """Whether the prompt is at most `tokens` long."""
        return self.bound <= tokens or self.tokens <= tokens


def size_problem(
    spec: ModelSpec, prompt: PromptSize, output_tokens: int | None
) -> str | None:
    """Why a model is too small for prompt and answer; None if it is not."""
    limit = spec.max_output_tokens
    if output_tokens is not None and limit is not None and output_tokens > limit:
        return f"it answers in at most {limit} tokens, {output_tokens} are asked for"
    window = spec.context_window
    if window is None or prompt.fits(window - (output_tokens or 1)):
        return None
    answer = f" and {output_tokens} of answer" if output_tokens else ""
    return (
        f"its window is {window} tokens; the prompt has about {prompt.tokens}{answer}"
    )


def prompt_size(raw: dict[str, Any]) -> PromptSize:
    """Of a request body: messages (or `prompt`, `input`), tools and schemas."""
    spoken = raw.get("messages") or raw.get("input") or raw.get("prompt") or []
    messages = spoken if isinstance(spoken, list) else [spoken]
    if n_tokens := _token_ids(messages):
        return PromptSize((), n_tokens=n_tokens)
    texts = list(_texts(messages))
    texts += [
        orjson.dumps(raw[name]).decode() for name in _DEFINITIONS if raw.get(name)
    ]
    images = sum(map(_images, messages))
    return PromptSize(tuple(texts), n_messages=len(messages), n_images=images)


# Beside the messages these are read by the model, too.
_DEFINITIONS = ("tools", "functions", "response_format", "instructions", "text")


def _texts(value: Any) -> Iterator[str]:
    """All strings in messages but the payloads of images, audio and files."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in _PAYLOADS:
                yield from _texts(item)


_PAYLOADS = {"image_url", "input_audio", "file", "file_data"}


def _token_ids(prompt: list[Any]) -> int:
    """The length of a prompt of token ids, or of the longest of several; else 0."""
    if all(isinstance(item, int) for item in prompt):
        return len(prompt)
    if all(isinstance(item, list) for item in prompt):
        return max(map(_token_ids, prompt), default=0)
    return 0


def _images(message: Any) -> int:
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return 0
    kinds = [part.get("type") for part in content if isinstance(part, dict)]
    # In a tuple, as a client's `type` may be anything: not all of it can be hashed.
    return sum(kind in ("image_url", "input_image") for kind in kinds)
