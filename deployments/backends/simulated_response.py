"""A simulated answer of the Responses API, whole and as its named events."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from deployments.backends.responses_stream import named_event
from deployments.backends.simulated_forms import PROVIDER, Said
from deployments.protocol.backend import Usage

_CUT = "length"  # so chat completions call what came to its limit
# Told as the client has said it, null where it has not.
_ECHOED = ("instructions", "max_output_tokens", "temperature", "top_p")


class ResponseForm:
    """A response of one item: a message, or the call of a function.

    `asked`: the request, much of which a response repeats.
    """

    def __init__(self, said: Said, asked: Mapping[str, Any]) -> None:
        self._said = said
        self._asked = asked
        (self._choice,) = said.choices
        self._n_events = 0

    def whole(self) -> dict[str, Any]:
        """A `response`."""
        cut = self._choice.finish_reason == _CUT
        status = "incomplete" if cut else "completed"
        item = self._item(status, self._choice.tokens)
        details = {"reason": "max_output_tokens"} if cut else None
        return {
            **self._response(status),
            "incomplete_details": details,
            "output": [item],
            "usage": _usage(self._said.usage),
        }

    def first(self) -> bytes:
        """That the response has begun, and with what."""
        begun = self._response("in_progress")
        events = self._event("response.created", response=begun)
        events += self._event("response.in_progress", response=begun)
        item = self._item("in_progress", None)
        events += self._event("response.output_item.added", output_index=0, item=item)
        if self._choice.call is None:
            events += self._of_text("response.content_part.added", part=self._part(()))
        return events

    def piece(self, start: int, end: int) -> bytes:
        """Of the text, or of the arguments."""
        tokens = self._choice.tokens[start:end]
        text = "".join(tokens)
        if self._choice.call is not None:
            return self._of_item("response.function_call_arguments.delta", delta=text)
        name, logprobs = "response.output_text.delta", self._logprobs(tokens)
        return self._of_text(name, delta=text, logprobs=logprobs)

    def last(self) -> bytes:
        """What has been said, once more and whole, and the response."""
        tokens, call = self._choice.tokens, self._choice.call
        text = "".join(tokens)
        if call is not None:
            done = "response.function_call_arguments.done"
            events = self._of_item(done, name=call.name, arguments=text)
        else:
            done, logprobs = "response.output_text.done", self._logprobs(tokens)
            events = self._of_text(done, text=text, logprobs=logprobs)
            part = self._part(tokens)
            events += self._of_text("response.content_part.done", part=part)
        whole = self.whole()
        (item,) = whole["output"]
        events += self._event("response.output_item.done", output_index=0, item=item)
        return events + self._event(f"response.{whole['status']}", response=whole)

    def _response(self, status: str) -> dict[str, Any]:
        asked = self._asked
        return {
            "id": f"resp_{self._said.id}",
            "object": "response",
            "created_at": self._said.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self._said.model,
            "provider": PROVIDER,
            "output": [],
            "usage": None,
            **{name: asked.get(name) for name in _ECHOED},
            "metadata": asked.get("metadata") or {},
            "parallel_tool_calls": asked.get("parallel_tool_calls") is not False,
            "previous_response_id": None,
            "store": False,
            "text": asked.get("text") or {"format": {"type": "text"}},
            "tool_choice": asked.get("tool_choice") or "auto",
            "tools": asked.get("tools") or [],
        }

    def _item(self, status: str, tokens: Sequence[str] | None) -> dict[str, Any]:
        """None: nothing of it has been said."""
        call = self._choice.call
        item: dict[str, Any] = {"id": self._item_id, "status": status}
        if call is not None:
            arguments = "".join(tokens or ())
            told = {"call_id": call.id, "name": call.name, "arguments": arguments}
            return {**item, "type": "function_call", **told}
        content = [] if tokens is None else [self._part(tokens)]
        return {**item, "type": "message", "role": "assistant", "content": content}

    def _part(self, tokens: Sequence[str]) -> dict[str, Any]:
        return {
            "type": "output_text",
            "text": "".join(tokens),
            "annotations": [],
            "logprobs": self._logprobs(tokens),
        }

    def _logprobs(self, tokens: Sequence[str]) -> list[dict[str, Any]]:
        told = self._choice.logprobs(tokens)
        return [] if told is None else told["content"]

    @property
    def _item_id(self) -> str:
        kind = "msg" if self._choice.call is None else "fc"
        return f"{kind}_{self._said.id}"

    def _of_text(self, name: str, /, **fields: Any) -> bytes:
        return self._of_item(name, content_index=0, **fields)

    def _of_item(self, name: str, /, **fields: Any) -> bytes:
        return self._event(name, item_id=self._item_id, output_index=0, **fields)

    def _event(self, name: str, /, **fields: Any) -> bytes:
        told = {"type": name, "sequence_number": self._n_events, **fields}
        self._n_events += 1
        return named_event(name, orjson.dumps(told))


def _usage(usage: Usage) -> dict[str, Any]:
    """Nothing here comes from a cache, nor from thinking."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }
