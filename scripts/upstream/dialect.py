"""How an answer is put into words: chat completions, and text completions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from scripts.upstream.script import Script

COMMENT = b": OPENROUTER PROCESSING\n\n"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a stream, and how many tokens of the answer they bring."""

    data: bytes
    tokens: int = 0


class Dialect(Protocol):
    """One API's objects and events."""

    def whole(self, script: Script, *, usage: bool) -> dict[str, Any]:
        """The answer in one object."""

    def head(self, script: Script) -> Iterator[Piece]:
        """Events before the first token."""

    def token(self, script: Script, text: str) -> Iterator[Piece]:
        """Events of one token, of each choice."""

    def tail(self, script: Script, *, usage: bool, done: bool) -> Iterator[Piece]:
        """Events after the last token."""

    def error(self, script: Script) -> bytes:
        """An event that says that the answer has failed."""


def event(data: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


def error_body(code: int, message: str, **metadata: Any) -> dict[str, Any]:
    """OpenRouter's error object."""
    error: dict[str, Any] = {"code": code, "message": message}
    if metadata:
        error["metadata"] = metadata
    return {"error": error}


class Chat:
    """`/chat/completions`."""

    _object = "chat.completion"
    _chunk_object = "chat.completion.chunk"

    def whole(self, script: Script, *, usage: bool) -> dict[str, Any]:
        choices = [
            {
                "index": index,
                **self._said(script, script.text, "message"),
                "logprobs": _logprobs(script, script.tokens),
                "finish_reason": script.finish_reason,
                "native_finish_reason": script.finish_reason,
            }
            for index in range(script.choices)
        ]
        data = {**self._frame(script, self._object), "choices": choices}
        return {**data, "usage": script.usage()} if usage else data

    def head(self, script: Script) -> Iterator[Piece]:
        delta: dict[str, Any] = {"role": "assistant", "content": ""}
        if script.tool:
            function = {"name": script.tool.name, "arguments": ""}
            call = {"index": 0, "id": script.tool.id, "type": "function"}
            delta = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{**call, "function": function}],
            }
        for index in range(script.choices):
            yield self._choice(script, index, {"delta": delta})

    def token(self, script: Script, text: str) -> Iterator[Piece]:
        logprobs = _logprobs(script, (text,))
        for index in range(script.choices):
            said = self._said(script, text, "delta")
            yield self._choice(script, index, {**said, "logprobs": logprobs}, tokens=1)

    def tail(self, script: Script, *, usage: bool, done: bool) -> Iterator[Piece]:
        for index in range(script.choices):
            yield self._choice(script, index, self._nothing(), script.finish_reason)
        if usage:
            frame = self._frame(script, self._chunk_object)
            yield Piece(event({**frame, "choices": [], "usage": script.usage()}))
        if done:
            yield Piece(DONE)

    def error(self, script: Script) -> bytes:
        data = {
            **self._frame(script, self._chunk_object),
            **error_body(502, "Provider disconnected", provider_name=script.provider),
            "choices": [{"index": 0, **self._nothing(), "finish_reason": "error"}],
        }
        return event(data)

    def _said(self, script: Script, text: str, key: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant"} if key == "message" else {}
        if script.tool is None:
            return {key: {**message, "content": text}}
        call: dict[str, Any] = {"index": 0, "function": {"arguments": text}}
        if key == "message":
            message["content"] = None
            call |= {"id": script.tool.id, "type": "function"}
            call["function"]["name"] = script.tool.name
        return {key: {**message, "tool_calls": [call]}}

    @staticmethod
    def _nothing() -> dict[str, Any]:
        return {"delta": {"content": ""}}

    def _choice(
        self,
        script: Script,
        index: int,
        said: dict[str, Any],
        finish: str | None = None,
        *,
        tokens: int = 0,
    ) -> Piece:
        choice = {
            "index": index,
            **said,
            "finish_reason": finish,
            "native_finish_reason": finish,
        }
        frame = self._frame(script, self._chunk_object)
        return Piece(event({**frame, "choices": [choice]}), tokens)

    @staticmethod
    def _frame(script: Script, kind: str) -> dict[str, Any]:
        return {
            "id": script.id,
            "provider": script.provider,
            "model": script.model,
            "object": kind,
            "created": script.created,
        }


class Text(Chat):
    """`/completions`: the same with `text` in the place of messages."""

    _object = "text_completion"
    _chunk_object = "text_completion"

    def head(self, script: Script) -> Iterator[Piece]:
        return iter(())

    def _said(self, script: Script, text: str, key: str) -> dict[str, Any]:
        return {"text": text}

    @staticmethod
    def _nothing() -> dict[str, Any]:
        return {"text": ""}


def _logprobs(script: Script, tokens: tuple[str, ...]) -> dict[str, Any] | None:
    if not script.logprobs:
        return None
    content = [
        {
            "token": token,
            "logprob": -0.25,
            "bytes": list(token.encode()),
            "top_logprobs": [],
        }
        for token in tokens
    ]
    return {"content": content, "refusal": None}
