"""The forms in which OpenAI's paths say an answer, whole or in events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from deployments.backends.simulated_choice import Choice
from deployments.backends.sse import event
from deployments.protocol.backend import Usage

PROVIDER = "simulated"


@dataclass(frozen=True, slots=True)
class Said:
    """A simulated answer, whichever path asked for it."""

    id: str
    created: int  # all events of a stream say the same
    model: str
    choices: Sequence[Choice]
    usage: Usage


class Form(Protocol):
    """Says an answer as one path has it: whole, or piece by piece."""

    def whole(self) -> dict[str, Any]:
        """In one object."""

    def first(self) -> bytes:
        """Events before the first token; none where the path has none."""

    def piece(self, start: int, end: int) -> bytes:
        """Events with the tokens from `start` to `end`."""

    def last(self) -> bytes:
        """Events after the last token."""


class ChatForm:
    """Chat completions: an event for a piece of each choice."""

    def __init__(self, said: Said) -> None:
        self._said = said

    def whole(self) -> dict[str, Any]:
        """A `chat.completion`."""
        choices = [choice.whole() for choice in self._said.choices]
        return _whole(self._said, "chat.completion", choices)

    def first(self) -> bytes:
        """Who speaks, or what is called."""
        return self._events(choice.first_chunk() for choice in self._said.choices)

    def piece(self, start: int, end: int) -> bytes:
        """Of all choices that are as long."""
        longer = _longer(self._said, start)
        return self._events(choice.chunk(start, end) for choice in longer)

    def last(self) -> bytes:
        """Why each ends."""
        return self._events(choice.last_chunk() for choice in self._said.choices)

    def _events(self, choices: Iterable[dict[str, Any]]) -> bytes:
        return _events(self._said, "chat.completion.chunk", choices)


class TextForm:
    """Text completions: whole and in events of the same shape."""

    def __init__(self, said: Said) -> None:
        self._said = said

    def whole(self) -> dict[str, Any]:
        """A `text_completion`."""
        choices = [
            _text(choice, choice.tokens, choice.finish_reason)
            for choice in self._said.choices
        ]
        return _whole(self._said, "text_completion", choices)

    def first(self) -> bytes:
        """Nobody is announced."""
        return b""

    def piece(self, start: int, end: int) -> bytes:
        """Of all choices that are as long."""
        longer = _longer(self._said, start)
        return self._events(
            _text(choice, choice.tokens[start:end]) for choice in longer
        )

    def last(self) -> bytes:
        """Why each ends."""
        return self._events(
            _text(choice, (), choice.finish_reason) for choice in self._said.choices
        )

    def _events(self, choices: Iterable[dict[str, Any]]) -> bytes:
        return _events(self._said, "text_completion", choices)


def _text(
    choice: Choice, tokens: Sequence[str], finish_reason: str | None = None
) -> dict[str, Any]:
    return {
        "text": "".join(tokens),
        "index": choice.index,
        "logprobs": None,
        "finish_reason": finish_reason,
    }


def _longer(said: Said, start: int) -> Iterable[Choice]:
    return (choice for choice in said.choices if start < len(choice.tokens))


def _whole(said: Said, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    usage = {
        "prompt_tokens": said.usage.prompt_tokens,
        "completion_tokens": said.usage.completion_tokens,
        "total_tokens": said.usage.total_tokens,
    }
    return {**_head(said, kind), "choices": choices, "usage": usage}


def _events(said: Said, kind: str, choices: Iterable[dict[str, Any]]) -> bytes:
    """One for each choice."""
    head = _head(said, kind)
    return b"".join(
        event(orjson.dumps({**head, "choices": [choice]})) for choice in choices
    )


def _head(said: Said, kind: str) -> dict[str, Any]:
    return {
        "id": f"gen-{said.id}",
        "object": kind,
        "created": said.created,
        "model": said.model,
        "provider": PROVIDER,
    }
