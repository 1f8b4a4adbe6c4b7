"""`/responses`, not stored: OpenAI's response object and its streaming events."""

from collections.abc import Iterator
from typing import Any

from scripts.upstream.dialect import Piece, event
from scripts.upstream.script import Script


class Responses:
    """One stream; its events are numbered, so an object serves one request."""

    def __init__(self) -> None:
        self._number = -1

    def whole(self, script: Script, *, usage: bool) -> dict[str, Any]:
        item = self._item(script, "completed", script.text)
        return self._response(script, "completed", [item], usage=usage)

    def head(self, script: Script) -> Iterator[Piece]:
        response = self._response(script, "in_progress", [])
        yield self._event("created", response=response)
        yield self._event("in_progress", response=response)
        item = self._item(script, "in_progress", None)
        yield self._event("output_item.added", output_index=0, item=item)
        if script.tool is None:
            where = self._where(script) | {"content_index": 0}
            yield self._event("content_part.added", **where, part=_part(""))

    def token(self, script: Script, text: str) -> Iterator[Piece]:
        where: dict[str, Any]
        if script.tool:
            kind, where = "function_call_arguments.delta", self._where(script)
        else:
            kind, where = "output_text.delta", self._text_place(script)
        yield self._event(kind, tokens=1, **where, delta=text)

    def tail(self, script: Script, *, usage: bool, done: bool) -> Iterator[Piece]:
        text, where = script.text, self._where(script)
        if script.tool:
            name: dict[str, Any] = {"name": script.tool.name, "arguments": text}
            yield self._event("function_call_arguments.done", **where, **name)
        else:
            yield self._event("output_text.done", **self._text_place(script), text=text)
            part: dict[str, Any] = {"content_index": 0, "part": _part(text)}
            yield self._event("content_part.done", **where, **part)
        item = self._item(script, "completed", text)
        yield self._event("output_item.done", output_index=0, item=item)
        if done:
            response = self._response(script, "completed", [item], usage=usage)
            yield self._event("completed", response=response)

    def error(self, script: Script) -> bytes:
        response = self._response(script, "failed", [])
        response["error"] = {"code": "server_error", "message": "Provider disconnected"}
        return self._event("failed", response=response).data

    def _event(self, kind: str, *, tokens: int = 0, **fields: Any) -> Piece:
        self._number += 1
        name = f"response.{kind}"
        data = {"type": name, "sequence_number": self._number, **fields}
        return Piece(event(data, name), tokens)

    @staticmethod
    def _where(script: Script) -> dict[str, Any]:
        return {"item_id": f"item_{script.id}", "output_index": 0}

    def _text_place(self, script: Script) -> dict[str, Any]:
        return {**self._where(script), "content_index": 0, "logprobs": []}

    @staticmethod
    def _item(script: Script, status: str, text: str | None) -> dict[str, Any]:
        item: dict[str, Any] = {"id": f"item_{script.id}", "status": status}
        if script.tool:
            item |= {"type": "function_call", "call_id": script.tool.id}
            return item | {"name": script.tool.name, "arguments": text or ""}
        content = [] if text is None else [_part(text)]
        return item | {"type": "message", "role": "assistant", "content": content}

    @staticmethod
    def _response(
        script: Script,
        status: str,
        output: list[dict[str, Any]],
        *,
        usage: bool = False,
    ) -> dict[str, Any]:
        return {
            "id": script.id,
            "object": "response",
            "created_at": script.created,
            "status": status,
            "model": script.model,
            "output": output,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "store": False,
            "usage": _usage(script) if usage else None,
        }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(script: Script) -> dict[str, Any]:
    usage = script.usage()
    renamed = {
        "input_tokens": usage.pop("prompt_tokens"),
        "input_tokens_details": usage.pop("prompt_tokens_details"),
        "output_tokens": usage.pop("completion_tokens"),
        "output_tokens_details": usage.pop("completion_tokens_details"),
    }
    return {**renamed, **usage}
