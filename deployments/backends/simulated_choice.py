"""One choice of a simulated answer, in the shapes of OpenAI's chat completions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A function that is called; its arguments are the choice's tokens."""

    id: str
    name: str

    def told(self, arguments: str) -> dict[str, Any]:
        """As `tool_calls` has it."""
        function = {"name": self.name, "arguments": arguments}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Choice:
    """What it says, token by token: to the client, or to the function that it calls.

    `top_logprobs`: how many alternatives of each token; None = no log probabilities.
    """

    index: int
    tokens: tuple[str, ...]
    finish_reason: str
    call: Call | None = None
    top_logprobs: int | None = None

    def whole(self) -> dict[str, Any]:
        """Of a `chat.completion`."""
        text = "".join(self.tokens)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.call is not None:
            message |= {"content": None, "tool_calls": [self.call.told(text)]}
        return {
            "index": self.index,
            "message": {**message, "refusal": None},
            "logprobs": self.logprobs(self.tokens),
            "finish_reason": self.finish_reason,
        }

    def first_chunk(self) -> dict[str, Any]:
        """Of a `chat.completion.chunk`: who speaks, or what is called."""
        delta: dict[str, Any] = {"role": "assistant", "content": ""}
        if self.call is not None:
            call = {"index": 0, **self.call.told("")}
            delta |= {"content": None, "tool_calls": [call]}
        return self._chunk(delta, None)

    def chunk(self, start: int, end: int) -> dict[str, Any]:
        """The tokens from `start` to `end`."""
        tokens = self.tokens[start:end]
        text = "".join(tokens)
        delta: dict[str, Any] = {"content": text}
        if self.call is not None:
            call = {"index": 0, "function": {"arguments": text}}
            delta = {"tool_calls": [call]}
        chunk = self._chunk(delta, None)
        if self.top_logprobs is not None:
            chunk["logprobs"] = self.logprobs(tokens)
        return chunk

    def last_chunk(self) -> dict[str, Any]:
        """Why it ends."""
        return self._chunk({}, self.finish_reason)

    def _chunk(
        self, delta: dict[str, Any], finish_reason: str | None
    ) -> dict[str, Any]:
        return {"index": self.index, "delta": delta, "finish_reason": finish_reason}

    def logprobs(self, tokens: Sequence[str]) -> dict[str, Any] | None:
        """Of these tokens; None where nobody asks, or a function is called.

        The same request gets the same tokens: each of them is certain.
        """
        if self.top_logprobs is None or self.call is not None:
            return None
        content = []
        for token in tokens:
            certain = {"token": token, "logprob": 0.0, "bytes": [*token.encode()]}
            others = [certain] if self.top_logprobs else []
            content.append({**certain, "top_logprobs": others})
        return {"content": content, "refusal": None}
